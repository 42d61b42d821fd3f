import type { OutgoingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Passing } from "./exchange.js";
import type { Action } from "./rules.js";

/** The connection is reset as soon as the request's headers are there. */
export const reset: Action = (exchange) => exchange.reset();

/** No answer, ever. */
export const hang: Action = (exchange) => void exchange.request.resume();

/** An answer instead of the registry's. */
export const reply =
  (status: number, headers: OutgoingHttpHeaders = {}, body = ""): Action =>
  (exchange) =>
    exchange.reply(status, headers, body);

/** The same before the request's body is read. */
export const replyUnread =
  (status: number, headers: OutgoingHttpHeaders = {}, body = ""): Action =>
  (exchange) =>
    exchange.reply(status, headers, body, true);

/** A registry's refusal. */
export const refuse = (status: number, code: string, headers: OutgoingHttpHeaders = {}): Action =>
  reply(
    status,
    { "content-type": "application/json", ...headers },
    JSON.stringify({ errors: [{ code, message: `no: ${code}` }] }),
  );

/** The request is passed on, with something done to it or to its answer. */
export const pass =
  (passing: Passing): Action =>
  (exchange) =>
    exchange.pass(passing);

/** After a while, as it should be. */
export const delay =
  (ms: number): Action =>
  async (exchange) => {
    await sleep(ms);
    await exchange.pass();
  };

/** Headers of the answer set, or taken away where the value is undefined. */
export const withHeaders = (headers: Readonly<{ [name: string]: string | undefined }>, more: Passing = {}): Action =>
  pass({
    ...more,
    headers: (given) => {
      const changed: OutgoingHttpHeaders = { ...given };
      for (const [name, value] of Object.entries(headers)) {
        if (value === undefined) delete changed[name];
        else changed[name] = value;
      }
      return changed;
    },
  });

/** The text of the answer is changed. */
export const rewrite = (change: (text: string) => string, headers: OutgoingHttpHeaders = {}): Action =>
  pass({ body: (body) => Buffer.from(change(body.toString("utf8"))), headers: (given) => ({ ...given, ...headers }) });

/** Uploads that are longer than `after` break off there; so many of them. */
export function cutUploads(after: number, times: number = Number.POSITIVE_INFINITY): Action {
  let left = times;
  return pass({
    cutUpload: (total) => {
      if (total <= after || left <= 0) return undefined;
      left -= 1;
      return after;
    },
  });
}

/** Answers whose body is longer than `after` break off there; so many of them. */
export function cutAnswers(after: number, by: "reset" | "end" | "length", longerThan: number, times = 1): Action {
  let left = times;
  return (exchange) => {
    const cut = left > 0;
    return exchange.pass({
      headers: (headers) => {
        if (cut && Number(headers["content-length"]) > longerThan) left -= 1;
        return headers;
      },
      ...(cut ? { cut: { after, by } } : {}),
    });
  };
}

/**
 * PUT of a manifest at a registry that looks whether it has the blobs, as distribution does, and tells (or not) which
 * it lacks. (gantry's own takes manifests whose blobs come later.)
 */
export const checksBlobs =
  (tells: boolean, status = 404, code = "MANIFEST_BLOB_UNKNOWN"): Action =>
  async (exchange) => {
    const parts: Buffer[] = [];
    for await (const part of exchange.request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    exchange.record.up += body.byteLength;
    const manifest: { config: { digest: string }; layers: { digest: string }[] } = JSON.parse(body.toString("utf8"));
    const repository = exchange.path.replace(/\/manifests\/.*/, "");
    const errors: unknown[] = [];
    for (const { digest } of [manifest.config, ...manifest.layers]) {
      const there = await fetch(exchange.upstream(`${repository}/blobs/${digest}`), { method: "HEAD" });
      if (there.status !== 200)
        errors.push({ code, message: "blob unknown to registry", ...(tells ? { detail: { Digest: digest } } : {}) });
    }
    if (errors.length > 0) {
      return exchange.reply(
        status,
        { "content-type": "application/json" },
        JSON.stringify({ errors: tells ? errors : errors.slice(0, 1) }),
        true,
      );
    }
    const put = await fetch(exchange.upstream(exchange.path), {
      method: "PUT",
      body: new Uint8Array(body),
      headers: { "content-type": exchange.request.headers["content-type"] ?? "" },
    });
    return exchange.reply(
      put.status,
      { "docker-content-digest": put.headers.get("docker-content-digest") ?? "" },
      "",
      true,
    );
  };
