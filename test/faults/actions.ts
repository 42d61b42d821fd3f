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
