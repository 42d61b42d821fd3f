import { request } from "node:http";
import { expect } from "vitest";

/** One request and what its answer has to be. */
export interface Step {
  /**
   * Method and path. `{upload}` is the Location of the last 202, `{first}` that of the first one, `{location}` that of
   * the last 201, `{R1}` and `{R2}` are two repositories of the case's own, `{next}` the target of the last `Link`.
   */
  readonly send: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array | string;
  /** Sends the body without a length. */
  readonly chunked?: boolean;
  readonly status: number | readonly number[];
  /** Headers of the answer: an exact value, a pattern, or null for none. */
  readonly has?: Readonly<Record<string, string | RegExp | null>>;
  /** The exact bytes of the answer. */
  readonly bytes?: Uint8Array | string;
  /** The code of the error document. */
  readonly error?: string;
  /** What the answer's JSON has to match. */
  readonly json?: unknown;
  /** Whatever else has to hold for the answer's JSON. */
  readonly check?: (document: Record<string, unknown>) => void;
}

/** A case of a suite: steps in order. */
export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
}

/** Runs one case against a registry. */
export async function run(
  host: string,
  steps: readonly Step[],
  repositories: readonly [string, string],
): Promise<void> {
  const variables = new Map<string, string>([
    ["R1", repositories[0]],
    ["R2", repositories[1]],
  ]);
  const fill = (text: string): string =>
    text.replaceAll(/\{(R1|R2|upload|first|location|next)\}/g, (_, name: string) => variables.get(name) ?? `{${name}}`);
  for (const [at, step] of steps.entries()) {
    const where = `step ${at + 1}: ${step.send}`;
    const reply = await exchange(host, step, fill);
    const said = `${where}\n${reply.bytes.subarray(0, 300).toString("utf8")}`;
    expect([step.status].flat(), said).toContain(reply.status);
    for (const [name, wanted] of Object.entries(step.has ?? {})) {
      const got = [reply.headers[name]].flat().join(", ");
      if (wanted === null) expect(reply.headers[name], `${where}: ${name}`).toBeUndefined();
      else if (typeof wanted === "string") expect(got, `${where}: ${name}`).toBe(fill(wanted));
      else expect(got, `${where}: ${name}`).toMatch(wanted);
    }
    expect(reply.headers["docker-distribution-api-version"], where).toBe("registry/2.0");
    if (step.bytes !== undefined) expect(reply.bytes.equals(Buffer.from(step.bytes)), said).toBe(true);
    if (step.error !== undefined)
      expect(JSON.parse(reply.bytes.toString()), said).toMatchObject({ errors: [{ code: step.error }] });
    if (step.json !== undefined) expect(JSON.parse(reply.bytes.toString()), said).toMatchObject(step.json as object);
    step.check?.(JSON.parse(reply.bytes.toString()) as Record<string, unknown>);
    if (step.send.startsWith("HEAD ")) expect(reply.bytes, where).toHaveLength(0);
    else if (reply.status !== 204 && reply.status !== 304)
      expect(reply.headers["content-length"], where).toBe(String(reply.bytes.length));
    learn(variables, reply);
  }
}

function learn(variables: Map<string, string>, reply: Reply): void {
  const { location, link } = reply.headers;
  if (typeof location === "string") {
    expect(location, "a Location that any client can follow").toMatch(/^\/v2\//);
    if (reply.status === 201) variables.set("location", location);
    else variables.set("upload", location);
    if (reply.status === 202 && !variables.has("first")) variables.set("first", location);
  }
  const next = /^<([^>]+)>; rel="next"$/.exec(typeof link === "string" ? link : "")?.[1];
  if (next !== undefined) variables.set("next", next);
}

function exchange(host: string, step: Step, fill: (text: string) => string): Promise<Reply> {
  const [method, path] = [
    step.send.slice(0, step.send.indexOf(" ")),
    fill(step.send.slice(step.send.indexOf(" ") + 1)),
  ];
  const body = step.body === undefined ? undefined : Buffer.from(step.body);
  const length =
    step.chunked === true || method === "GET" || method === "HEAD" ? {} : { "content-length": body?.length ?? 0 };
  return new Promise((resolve, reject) => {
    const sent = request(
      `http://${host}`,
      // A path as it is: a URL would clean up what a case wants to send.
      { method, path, headers: { ...length, ...step.headers } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(chunks) }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
