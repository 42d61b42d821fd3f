import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxRootfs } from "./base-rootfs.mjs";
import { gantryReport, type WriteReport } from "./gantry.js";
import type { RunOptions } from "./processes.js";

/** A base image and an application on it, for amd64 and arm64, as gantry builds them: plans and files in a folder. */
export interface Application {
  readonly folder: string;
  /** What the application prints on a machine of this architecture. */
  expected(architecture: string): string;
  /** Builds the base and the application and pushes both to a registry under `demo/`, with all of `tags`. */
  publish(host: string, tags: readonly string[], options?: RunOptions): Promise<Published>;
}

export interface Published {
  readonly base: WriteReport;
  readonly application: WriteReport;
  /** `HOST/demo/app` without a tag. */
  readonly repository: string;
}

/** Writes the files and plans. The root file system of the base is Debian's busybox. */
export function makeApplication(folder: string): Application {
  mkdirSync(join(folder, "app"), { recursive: true });
  const busybox = busyboxRootfs(["amd64", "arm64"]);
  for (const architecture of ["amd64", "arm64"]) {
    mkdirSync(join(folder, "per", architecture), { recursive: true });
    writeFileSync(join(folder, "per", architecture, "built-for.txt"), `${architecture}\n`);
  }
  const script = `#!/bin/sh
echo "$GREETING from $(cat /srv/app/built-for.txt) in $(pwd) as $(id -u):$(id -g), $(uname -m)"
cat "/srv/app/a name with spaces, and ünïcode.txt"
test -L /srv/app/link && cat /srv/app/link
test -x /srv/app/run.sh && test ! -w /srv/app/run.sh && echo "permissions are right"
`;
  writeFileSync(join(folder, "app/run.sh"), script, { mode: 0o755 });
  writeFileSync(join(folder, "app/a name with spaces, and ünïcode.txt"), "found by its name\n");
  symlinkSync("built-for.txt", join(folder, "app/link"));
  const platforms = ["linux/amd64", "linux/arm64"];
  return {
    folder,
    expected: (architecture) =>
      [
        `hello from ${architecture} in /srv/app as 1000:1000, ${architecture === "amd64" ? "x86_64" : "aarch64"}`,
        "found by its name",
        architecture,
        "permissions are right",
        "",
      ].join("\n"),
    async publish(host, tags, options) {
      const repository = `${host}/demo/app`;
      const base = {
        name: "base",
        platforms,
        layers: [{ files: { [`${busybox}/\${PLATFORM_ARCH}`]: "/" } }],
        config: { env: { PATH: "/bin" }, cmd: ["/bin/sh"] },
        tags: [`${host}/demo/base:1`],
      };
      const application = {
        name: "app",
        base: `${host}/demo/base:1`,
        platforms,
        layers: [
          { files: { "./app": "/srv/app" }, owner: "0:0" },
          { files: { "./per/${PLATFORM_ARCH}": "/srv/app" } },
          { files: { "./app/run.sh": "/usr/local/bin/run" } },
          { files: { "./app/run.sh": "/opt/extra/" } },
        ],
        config: {
          entrypoint: ["/bin/sh", "/srv/app/run.sh"],
          env: { GREETING: "hello" },
          user: "1000:1000",
          workdir: "/srv/app",
          labels: { "org.opencontainers.image.source": "https://example.com/app" },
        },
        annotations: { "org.opencontainers.image.title": "app" },
        tags: tags.map((tag) => `${repository}:${tag}`),
      };
      const reports: WriteReport[] = [];
      for (const image of [base, application]) {
        const file = join(folder, `${image.name}.yaml`);
        // JSON is YAML.
        writeFileSync(file, JSON.stringify({ images: [image] }));
        reports.push(await gantryReport(["build", "-f", file, "--push"], options));
      }
      return { base: reports[0]!, application: reports[1]!, repository };
    },
  };
}
