import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GantryError } from "../errors.js";
import { parsePlan, type PlanVariables, readPlanFile } from "./plan-file.js";
import type { BuildPlan } from "./plan.js";
import type { PlanInput } from "./plan-input.js";
import { expandTemplate, fillTemplate, templateText } from "./template.js";

const read = (text: string, variables: PlanVariables = {}): Promise<BuildPlan> =>
  parsePlan(text, { directory: "/plan", file: "gantry.yaml", ...variables });

async function refusal(plan: string | PlanInput, variables: PlanVariables = {}): Promise<GantryError> {
  const error = await parsePlan(plan, { directory: "/plan", file: "gantry.yaml", ...variables }).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!GantryError.is(error)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

/** The example of the documentation. */
const EXAMPLE = `images:
  - name: hello
    base: docker.io/library/node:24-slim
    platforms: [linux/amd64, linux/arm64]
    layers:
      - files: { ./dist: /app, ./package.json: /app/package.json }
        owner: "0:0"
        exclude: ["**/*.map"]
    config:
      entrypoint: [node, /app/main.js]
      env: { NODE_ENV: production }
      user: "1000"
      workdir: /app
      labels: { org.opencontainers.image.source: "https://example.com/hello" }
    annotations: { org.opencontainers.image.title: hello }
    tags: [ "localhost:5000/demo/hello:1.0", "localhost:5000/demo/hello:latest" ]
`;

describe("a plan", () => {
  test("is read whole", async () => {
    const plan = await read(EXAMPLE);
    expect(plan).toEqual({
      directory: "/plan",
      images: [
        {
          name: "hello",
          base: "docker.io/library/node:24-slim",
          platforms: [
            { os: "linux", architecture: "amd64" },
            { os: "linux", architecture: "arm64" },
          ],
          layers: [
            {
              files: [
                { source: ["./dist"], destination: "/app", at: "gantry.yaml:6:18" },
                { source: ["./package.json"], destination: "/app/package.json", at: "gantry.yaml:6:32" },
              ],
              owner: { uid: 0, gid: 0 },
              fileMode: undefined,
              directoryMode: undefined,
              exclude: ["**/*.map"],
              mtime: undefined,
              compression: { type: "gzip" },
              comment: undefined,
            },
          ],
          config: {
            entrypoint: ["node", "/app/main.js"],
            env: [["NODE_ENV", "production"]],
            user: "1000",
            workdir: "/app",
            labels: { "org.opencontainers.image.source": "https://example.com/hello" },
          },
          annotations: { "org.opencontainers.image.title": "hello" },
          tags: ["localhost:5000/demo/hello:1.0", "localhost:5000/demo/hello:latest"],
          family: undefined,
          at: "gantry.yaml:2:11",
        },
      ],
    });
  });

  test("is the same from a value as from YAML", async () => {
    const value: PlanInput = {
      images: [
        {
          name: "a",
          platforms: "linux/amd64",
          layers: [
            { files: { "./x": "/x/" }, owner: 7, mode: 0o600, compression: { type: "gzip", level: 9 }, mtime: 5 },
          ],
          config: { env: { PORT: 8080, ON: true }, ports: [80, "53/udp", "90-91"], user: 5 },
        },
      ],
    };
    const text = `images:
- name: a
  platforms: linux/amd64
  layers:
  - { files: { ./x: /x/ }, owner: 7, mode: 0600, compression: { type: gzip, level: 9 }, mtime: 5 }
  config: { env: { PORT: 8080, ON: true }, ports: [80, 53/udp, 90-91], user: 5 }
`;
    const strip = (plan: BuildPlan) =>
      JSON.parse(JSON.stringify(plan, (key, v: unknown) => (key === "at" ? undefined : v)));
    expect(strip(await parsePlan(value, { directory: "/plan" }))).toEqual(strip(await read(text)));
    const [image] = (await read(text)).images;
    expect(image?.layers[0]).toMatchObject({
      fileMode: 0o600,
      owner: { uid: 7, gid: 7 },
      files: [{ destination: "/x/" }],
    });
    expect(image?.config.ports).toEqual(["80/tcp", "53/udp", "90/tcp", "91/tcp"]);
  });

  test("keeps texts as they were written", async () => {
    const plan = await read(
      "images: [{ name: a, config: { env: { A: 1.10, B: 010, C: yes, D: 'null', __proto__: x } } }]",
    );
    expect(plan.images[0]?.config.env).toEqual([
      ["A", "1.10"],
      ["B", "010"],
      ["C", "yes"],
      ["D", "null"],
      ["__proto__", "x"],
    ]);
  });

  test("may share parts by anchors, and has keys of its user's own", async () => {
    const plan = await read("x-common: &c { workdir: /w }\nimages: [{ name: a, config: *c }, { name: b, config: *c }]");
    expect(plan.images.map((image) => image.config.workdir)).toEqual(["/w", "/w"]);
  });

  test("may merge maps, where a map's own keys win", async () => {
    const plan = await read(
      "x-c: &c { user: 1, workdir: /w }\nimages: [{ name: a, config: { <<: *c, user: 2 } }, { name: b, config: { <<: [*c, { cmd: [x] }] } }]",
    );
    expect(plan.images.map((image) => image.config)).toEqual([
      { user: "2", workdir: "/w" },
      { user: "1", workdir: "/w", cmd: ["x"] },
    ]);
    await expect(read("images: [{ <<: x }]")).rejects.toThrow('gantry.yaml:1:12: "<<" takes a map, or a list of them');
  });

  test("reads durations as Docker does", async () => {
    const plan = await read(
      "images: [{ name: a, config: { healthcheck: { test: curl x, interval: 1m30s, timeout: 1.5s, retries: 3 } } }]",
    );
    expect(plan.images[0]?.config.healthcheck).toEqual({
      Test: ["CMD-SHELL", "curl x"],
      Interval: 90e9,
      Timeout: 1.5e9,
      Retries: 3,
    });
  });
});

describe("a bad plan says where and what was meant", () => {
  const image = (rest: string) => `images:\n  - name: a\n    ${rest}\n`;
  test.each<[string, string, string, string?]>([
    ["unknown key in an image", image("layrs: []"), 'gantry.yaml:3:5: unknown key "layrs"', 'Did you mean "layers"?'],
    [
      "unknown key at the top",
      "imagse: []\nimages: [{ name: a }]",
      'gantry.yaml:1:1: unknown key "imagse"',
      'Did you mean "images"?',
    ],
    [
      "unknown key in config",
      image("config: { entry_point: [a] }"),
      'gantry.yaml:3:15: unknown key "entry_point"',
      'Did you mean "entrypoint"?',
    ],
    [
      "unknown key in a layer",
      image('layers: [{ files: { a: /a }, exlude: ["b"] }]'),
      'gantry.yaml:3:34: unknown key "exlude"',
      'Did you mean "exclude"?',
    ],
    [
      "unknown key in a union",
      image("compression: { type: gzip, levle: 3 }"),
      'gantry.yaml:3:32: unknown key "levle"',
      'Did you mean "level"?',
    ],
    [
      "a key far from any",
      image("zzzzzzzzz: 1"),
      'gantry.yaml:3:5: unknown key "zzzzzzzzz"',
      "Known here: name, base, platforms, layers, config, annotations, tags, compression, family.",
    ],
    ["no images", "vars: {}\n", 'gantry.yaml:1:1: "images" is missing: expected a list of images'],
    ["empty file", "", "gantry.yaml:1:1: the file is empty"],
    ["no name", "images:\n  - base: scratch\n", 'gantry.yaml:2:5: "name" is missing: expected a name'],
    [
      "a name that is a path",
      "images: [{ name: ../x }]",
      'gantry.yaml:1:18: "name": expected a name of lower-case letters and digits, with single . _ - / between them, not "../x"',
    ],
    [
      "the same name twice",
      "images: [{ name: a }, { name: a }]",
      'gantry.yaml:1:31: two images are named "a"',
      "The other is at gantry.yaml:1:18.",
    ],
    [
      "entrypoint as text",
      image("config: { entrypoint: node x }"),
      'gantry.yaml:3:27: "entrypoint": expected a list of arguments, such as ["node", "/app/main.js"], not "node x"',
    ],
    [
      "nothing where a map belongs",
      image("config:"),
      'gantry.yaml:3:5: "config": expected a map, such as { entrypoint: [node, /app/main.js] }, and there is nothing',
    ],
    [
      "a named owner",
      image("layers: [{ files: { a: /a }, owner: root }]"),
      'gantry.yaml:3:41: "owner": expected numeric ids, such as "1000:1000", not "root"',
    ],
    [
      "a relative destination",
      image("layers: [{ files: { a: ./b } }]"),
      'gantry.yaml:3:28: destination "./b" is not absolute',
      'Did you mean "/b"?',
    ],
    [
      "a climbing destination",
      image("layers: [{ files: { a: /x/../../b } }]"),
      'gantry.yaml:3:28: destination "/x/../../b" climbs with ..',
    ],
    [
      "bad permissions",
      image('layers: [{ files: { a: /a }, mode: "0999" }]'),
      'gantry.yaml:3:40: "mode": expected octal permissions, such as "0644", not "0999"',
    ],
    [
      "bad platform",
      image("platforms: [linux]"),
      'gantry.yaml:3:17: invalid platform "linux"',
      "A platform is os/architecture or os/architecture/variant, such as linux/amd64 or linux/arm/v7.",
    ],
    [
      "the same platform twice",
      image("platforms: [linux/arm64, linux/aarch64]"),
      "gantry.yaml:3:30: platform linux/arm64 stands twice",
    ],
    ["bad level", image("compression: { type: gzip, level: 11 }"), "gantry.yaml:3:39: gzip has levels 0 to 9, not 11"],
    ["bad port", image("config: { ports: [70000] }"), 'gantry.yaml:3:23: "70000" is no port: they go from 1 to 65535'],
    [
      "bad duration",
      image("config: { healthcheck: { test: x, interval: 30 } }"),
      'gantry.yaml:3:49: "interval": expected a duration, such as "30s" or "1m30s", not "30"',
    ],
    [
      "undefined variable",
      image("base: ${BASE}"),
      'gantry.yaml:3:11: variable "BASE" is not set',
      'Set it with --var BASE=VALUE or under "vars:", or write ${BASE:-default}.',
    ],
    [
      "mistyped variable",
      `vars: { VERSION: 1 }\n${image("base: a:${VERSON}")}`,
      'gantry.yaml:4:11: variable "VERSON" is not set',
      'Did you mean "VERSION"?',
    ],
    [
      "a shell's variable",
      image("base: ${A%x}"),
      'gantry.yaml:3:11: invalid variable "${A%x}"',
      "A variable is ${NAME} or ${NAME:-default}; write $$ for a dollar sign.",
    ],
    [
      "a platform's variable elsewhere",
      image("base: a-${PLATFORM_ARCH}"),
      "gantry.yaml:3:11: ${PLATFORM_ARCH} is known only in the sources of a layer's files",
    ],
    ["doubled key", "images: [{ name: a }]\nimages: []", "gantry.yaml:2:1: invalid YAML: map keys must be unique"],
    [
      "two documents",
      "images: [{ name: a }]\n---\nimages: []",
      "gantry.yaml:2:1: one YAML document is expected, and here is another",
    ],
    ["a tab", "images:\n\t- name: a", "gantry.yaml:2:1: invalid YAML: tabs are not allowed as indentation"],
    [
      "a negated exclude",
      image('layers: [{ files: { a: /a }, exclude: ["!b"] }]'),
      "gantry.yaml:3:44: an exclude pattern cannot start with !",
      "Name what to leave out.",
    ],
    [
      "a health check that does not start with CMD",
      image("config: { healthcheck: { test: [curl, x] } }"),
      'gantry.yaml:3:36: "test": a list starts with CMD, CMD-SHELL or NONE, not "curl"',
      'Did you mean ["CMD","curl","x"]?',
    ],
  ])("%s", async (_name, text, message, hint) => {
    const error = await refusal(text);
    expect({ code: error.code, message: error.message, hint: error.hint }).toEqual({
      code: "PLAN_INVALID",
      message,
      hint,
    });
  });

  test("an image name", async () => {
    const error = await refusal(image("tags: ['demo/UPPER']"));
    expect(error.message).toMatch(/^gantry\.yaml:3:12: invalid reference "demo\/UPPER"/);
  });

  test("all of it at once, in the order of the file", async () => {
    const error = await refusal("images:\n  - name: a\n    layrs: []\n  - name: B\n    bse: x\n");
    expect(error.message).toBe(
      'gantry.yaml:3:5: unknown key "layrs" (Did you mean "layers"?); ' +
        'gantry.yaml:4:11: "name": expected a name of lower-case letters and digits, with single . _ - / between them, not "B"; ' +
        'gantry.yaml:5:5: unknown key "bse" (Did you mean "base"?)',
    );
  });

  test("a value has paths instead of lines", async () => {
    const error = await refusal({ images: [{ name: "a", layers: [{ files: { a: "b" } }] }] });
    expect(error.message).toBe('images[0].layers[0].files.a: destination "b" is not absolute');
  });

  test("a bomb of aliases is refused", async () => {
    const lines = ["x-a: &a [1,1,1,1,1,1,1,1,1]"];
    for (let i = 0; i < 9; i++)
      lines.push(`x-${"bcdefghij"[i]}: &${"bcdefghij"[i]} [${Array(9).fill(`*${"abcdefghi"[i]}`).join(",")}]`);
    expect((await refusal(`${lines.join("\n")}\nimages: [{ name: a }]`)).message).toMatch(/too large/);
  });
});

describe("variables", () => {
  const plan =
    "vars: { A: file, B: 'b-${A}', EMPTY: '' }\nimages: [{ name: x, config: { cmd: ['${A}', '${B}', '${C:-c}', '${EMPTY:-e}', '$$A $HOME $'] } }]";
  const cmd = async (variables: PlanVariables) => (await read(plan, variables)).images[0]?.config.cmd;

  test("vars in the file are weaker than given ones, those weaker than the environment", async () => {
    expect(await cmd({})).toEqual(["file", "b-file", "c", "e", "$A $HOME $"]);
    expect(await cmd({ vars: { A: "var" } })).toEqual(["var", "b-var", "c", "e", "$A $HOME $"]);
    expect(await cmd({ vars: { A: "var", C: "var" }, environment: { A: "env" } })).toEqual([
      "env",
      "b-env",
      "var",
      "e",
      "$A $HOME $",
    ]);
  });

  test("what they hold is not expanded again", async () => {
    expect((await cmd({ vars: { A: "${B}$$" } }))?.[0]).toBe("${B}$$");
  });

  test("a platform's variables stay open in sources", async () => {
    const { images } = await read(
      "images: [{ name: a, layers: [{ files: { './bin/${PLATFORM_OS}-${PLATFORM_ARCH}${PLATFORM_VARIANT}/app': /app } }] }]",
    );
    const source = images[0]!.layers[0]!.files[0]!.source;
    expect(fillTemplate(source, { os: "linux", architecture: "arm", variant: "v7" })).toBe("./bin/linux-armv7/app");
    expect(fillTemplate(source, { os: "linux", architecture: "amd64" })).toBe("./bin/linux-amd64/app");
  });

  test("a text without $ is itself, and any text survives when its dollars are doubled", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { template, problems } = expandTemplate(text.replaceAll("$", "$$$$"), {});
        expect(problems).toEqual([]);
        expect(templateText(template)).toBe(text);
      }),
    );
  });
});

describe("a plan file", () => {
  test("is found, and missing it says so", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gantry-plan-"));
    try {
      await writeFile(join(directory, "gantry.yaml"), EXAMPLE);
      expect((await readPlanFile(join(directory, "gantry.yaml"))).directory).toBe(directory);
      await expect(readPlanFile(join(directory, "none.yaml"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
      await writeFile(join(directory, "bad.yaml"), Buffer.from([0xff, 0xfe]));
      await expect(readPlanFile(join(directory, "bad.yaml"), { file: "bad.yaml" })).rejects.toMatchObject({
        code: "PLAN_INVALID",
        message: "bad.yaml:1:1: the plan is not UTF-8",
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
