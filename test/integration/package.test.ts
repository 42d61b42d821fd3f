import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-package-"));
  env = { PATH: process.env["PATH"], HOME: folder };
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: root });
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  await mkdir(join(folder, "app"));
  await writeFile(join(folder, "app/package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  // As a user does, but without a network where the packages have been fetched before.
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", join(folder, tarball!)], {
    cwd: join(folder, "app"),
    env: process.env,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const PROGRAM = `
import { Gantry, GantryError } from "gantry";
import { parseImageName } from "gantry/spec";
await using gantry = new Gantry({ dataDir: process.argv[2] });
await using registry = await gantry.serve({ port: 0, root: process.argv[2] + "/registry" });
const name = registry.host + "/a:1";
const build = await gantry.build({ push: true, tags: [name], plan: { images: [{ name: "a", platforms: ["linux/amd64"], layers: [{ files: { "./package.json": "/package.json" } }] }] } });
const report = await build.images[0].plan.apply();
const { descriptor } = await gantry.resolve(name);
if (descriptor.digest !== report.digest) throw new Error("another digest");
await gantry.resolve(registry.host + "/a:2").catch((error) => { if (!GantryError.is(error) || error.code !== "MANIFEST_UNKNOWN") throw error; });
console.log(parseImageName(name).transport, descriptor.digest);
`;

describe("what npm pack ships", () => {
  it("holds the program, the types and the schema, and no source or test", async () => {
    const files = await readdir(join(folder, "app/node_modules/gantry"), { recursive: true });
    for (const file of [
      "bin/gantry",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/spec/index.d.ts",
      "schemas/gantry.schema.json",
      "LICENSE",
      "README.md",
    ])
      expect(files).toContain(file);
    expect(files.filter((file) => /\.test\.|^src|^test/.test(file))).toEqual([]);
  });

  it("works as a command where it is installed", async () => {
    const { stdout } = await run(join(folder, "app/node_modules/.bin/gantry"), ["version"], { env });
    expect(stdout).toMatch(/^gantry \d+\.\d+\.\d+\n$/);
  });

  it("works as a library where it is installed", async () => {
    await writeFile(
      join(folder, "app/program.mjs"),
      PROGRAM.replace("await using gantry", "const gantry").replace("await using registry", "const registry") +
        "\nawait registry.close(); await gantry[Symbol.asyncDispose]();\n",
    );
    const { stdout } = await run(process.execPath, ["program.mjs", join(folder, "data")], {
      cwd: join(folder, "app"),
      env,
    });
    expect(stdout).toMatch(/^docker sha256:/);
  });

  it("bundles into one file that works alone, as actions are shipped", async () => {
    const { rolldown } = await import("rolldown");
    await writeFile(join(folder, "app/bundled.mjs"), await readFile(join(folder, "app/program.mjs")));
    const bundle = await rolldown({
      input: join(folder, "app/bundled.mjs"),
      platform: "node",
      external: ["@cloudpss/zstd"],
      logLevel: "silent",
    });
    const { output } = await bundle.write({ file: join(folder, "alone.mjs"), format: "esm", codeSplitting: false });
    expect(output).toHaveLength(1);
    const { stdout } = await run(process.execPath, [join(folder, "alone.mjs"), join(folder, "data2")], {
      cwd: join(folder, "app"),
      env,
    });
    expect(stdout).toMatch(/^docker sha256:/);
  });

  it("has types that a strict program compiles against", async () => {
    const program = `import { Gantry, type Plan, type Report, GantryError, type CredentialSource } from "gantry";
import { parseReference, type Reference } from "gantry/spec";
const credentials: CredentialSource = { find: async ({ host }, why) => why === "first" ? { credential: { kind: "basic", username: "u", password: host }, origin: "test" } : undefined };
const gantry = new Gantry({ credentials, concurrency: 3 });
const plan: Plan = await gantry.copy("a:1", ["b:1"], { signal: AbortSignal.timeout(1), platforms: ["linux/amd64"] });
const report: Report = await plan.apply({ onEvent: (event) => { if (event.type === "bytes") event.count.toFixed(); } });
const status: "planned" | "done" | "failed" = report.destinations[0]!.status;
const reference: Reference = parseReference("a");
for await (const tag of gantry.tags("a")) tag.toUpperCase();
// @ts-expect-error a platform is text
await gantry.resolve("a", { platform: 1 });
// @ts-expect-error a report is not to be changed
report.digest = "x";
console.log(status, reference.host, GantryError.is(1));
`;
    await writeFile(join(folder, "app/types.mts"), program);
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        module: "NodeNext",
        target: "ES2023",
        lib: ["ES2023", "ESNext.Disposable"],
        types: ["node"],
        typeRoots: [join(root, "node_modules/@types")],
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
      },
      files: ["types.mts"],
    };
    await writeFile(join(folder, "app/tsconfig.json"), JSON.stringify(config));
    const { stdout } = await run(join(root, "node_modules/.bin/tsc"), ["-p", "."], { cwd: join(folder, "app") }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });

  it("is well formed", async () => {
    const { publint } = await import("publint");
    const { messages } = await publint({
      pkgDir: join(folder, "app/node_modules/gantry"),
      level: "warning",
      pack: false,
    });
    expect(messages).toEqual([]);
  });
});
