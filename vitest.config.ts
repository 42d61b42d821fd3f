import { defineConfig } from "vitest/config";

const config: ReturnType<typeof defineConfig> = defineConfig({
  test: {
    // Real sockets, files and child processes: a slow machine must not fail a right answer.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: "unit", include: ["src/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/{integration,conformance,faults,fuzz,types}/**/*.test.ts"],
          globalSetup: ["test/build-once.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          globalSetup: ["test/build-once.ts"],
          // Peers share one storage root and one daemon; a file at a time keeps their answers honest.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});

export default config;
