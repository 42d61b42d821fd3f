import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Diagnosis } from "../../src/gantry.js";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { pushSmallImages } from "../support/small-images.js";
import { Sandbox } from "./gantry-cli.js";

let box: Sandbox;
let open: RunningRegistry;
let guarded: RunningRegistry;
let fixed: RunningRegistry;

beforeAll(async () => {
  box = await Sandbox.create();
  open = await serve({ root: box.path("open"), durable: false });
  guarded = await serve({
    root: box.path("guarded"),
    durable: false,
    auth: { users: new Map([["ci", "s3cret-word"]]), token: {} },
  });
  fixed = await serve({ root: box.path("fixed"), durable: false, delete: false });
  await pushSmallImages(open.url, "team/app", ["1.0"]);
});
afterAll(async () => {
  for (const registry of [open, guarded, fixed]) await registry.close();
  await box[Symbol.asyncDispose]();
});

async function diagnose(...args: string[]): Promise<{ code: number | null; diagnosis: Diagnosis; text: string }> {
  const { code, stdout, stderr } = await box.run(["doctor", ...args, "--json"]);
  return { code, diagnosis: JSON.parse(stdout) as Diagnosis, text: stdout + stderr };
}

const resultOf = ({ findings }: Diagnosis, check: string): string | undefined =>
  findings.find((finding) => finding.check === check)?.result;

const tagsOf = async ({ url }: RunningRegistry, repository: string): Promise<unknown> =>
  (await fetch(`${url}/v2/${repository}/tags/list`)).json();

describe("gantry doctor", () => {
  it("only reads when a host alone is named", async () => {
    const { code, diagnosis } = await diagnose(open.host);
    expect(code).toBe(0);
    expect(diagnosis).toMatchObject({ verdict: "usable", origin: open.url, remaining: [] });
    expect(diagnosis.timings.firstByte).toBeGreaterThan(0);
    expect(Math.abs(diagnosis.clockSkew ?? 99)).toBeLessThan(5);
    expect(diagnosis.findings.some(({ check }) => check === "upload")).toBe(false);
  });

  it("finds out what a registry can, and leaves nothing behind", async () => {
    const { code, diagnosis } = await diagnose(`${open.host}/team/app`);
    expect(code).toBe(0);
    for (const check of [
      "upload",
      "chunks",
      "resume",
      "mount",
      "range GET",
      "OCI index",
      "referrers",
      "referrers API",
      "conditional put",
      "tag delete",
      "manifest delete",
      "blob delete",
    ])
      expect([check, resultOf(diagnosis, check)]).toEqual([check, "ok"]);
    expect(diagnosis.remaining).toEqual([]);
    expect(await tagsOf(open, "team/app")).toMatchObject({ tags: ["1.0"] });
  });

  it("writes nothing with --read-only", async () => {
    const { diagnosis } = await diagnose(`${open.host}/team/app`, "--read-only");
    expect(resultOf(diagnosis, "upload")).toBeUndefined();
    expect(resultOf(diagnosis, "manifest HEAD")).toBe("ok");
    expect(resultOf(diagnosis, "range GET")).toBe("ok");
  });

  it("tells what it could not remove again", async () => {
    const { code, diagnosis } = await diagnose(`${fixed.host}/team/app`);
    expect(code).toBe(0);
    expect(resultOf(diagnosis, "tag delete")).toBe("no");
    const { tags } = (await tagsOf(fixed, "team/app")) as { tags: string[] };
    expect(tags).toHaveLength(1);
    expect(diagnosis.remaining).toContain(`team/app:${tags[0]}`);
  });

  it("says which credential matched and whence, never the secret", async () => {
    const { code, diagnosis, text } = await diagnose(`${guarded.host}/team/app`, "--creds", "ci:s3cret-word");
    expect(code).toBe(0);
    expect(diagnosis.findings.find(({ check }) => check === "credential")?.detail).toBe("user ci, from --creds");
    expect(diagnosis.findings.find(({ check }) => check === "authentication")?.detail).toContain(
      "Bearer, tokens from http://",
    );
    expect(diagnosis.timings.token).toBeGreaterThan(0);
    expect(text).not.toContain("s3cret-word");
    expect(text).not.toContain(Buffer.from("ci:s3cret-word").toString("base64"));
  });

  it("ends with 4 when the credentials are refused", async () => {
    const { code, diagnosis, text } = await diagnose(`${guarded.host}/team/app`, "--creds", "ci:wrong-word");
    expect(code).toBe(4);
    expect(diagnosis.verdict).toBe("refused");
    expect(resultOf(diagnosis, "login")).toBe("no");
    expect(text).not.toContain("wrong-word");
  });

  it("ends with 1 where there is no registry", async () => {
    const { code, diagnosis } = await diagnose("127.0.0.1:1");
    expect(code).toBe(1);
    expect(diagnosis).toMatchObject({ verdict: "broken", error: { code: "CONNECTION_FAILED" } });
    const page = createServer((_request, response) => response.writeHead(404).end("<h1>no</h1>"));
    await new Promise<void>((resolve) => page.listen(0, "127.0.0.1", resolve));
    const { port } = page.address() as AddressInfo;
    const other = await box.run(["doctor", `127.0.0.1:${port}`]);
    page.close();
    expect(other.code).toBe(1);
    expect(other.stdout).toContain("GET /v2/ answers 404");
    expect(other.stderr).toMatch(/^gantry: GET \/v2\/ answers 404/);
  });
});
