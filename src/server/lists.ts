import type { Caller } from "./access.js";
import { type Answer, type Exchange, json } from "./exchange.js";
import { MAX_PAGE, pageOf } from "./page.js";
import { Refusal } from "./refusal.js";
import type { Registry } from "./registry.js";

/** GET of `/v2/NAME/tags/list` (distribution-spec 1.1, "Listing Tags"): in ASCII order, with `n` and `last`. */
export async function answerTags(registry: Registry, exchange: Exchange, repository: string): Promise<Answer> {
  const { limit, last } = windowOf(exchange);
  if (!(await registry.repositories.exists(repository)))
    throw new Refusal(404, "NAME_UNKNOWN", `there is no repository ${repository}`);
  const page = await pageOf(registry.repositories.tags(repository), limit, last);
  const headers = nextLink(page.more, `/v2/${repository}/tags/list`, limit, page.names.at(-1));
  return json(200, { name: repository, tags: page.names }, headers);
}

/** GET of `/v2/_catalog`: the repositories that hold a manifest and that the caller may read. */
export async function answerCatalog(registry: Registry, exchange: Exchange, caller: Caller): Promise<Answer> {
  const { limit, last } = windowOf(exchange);
  const page = await pageOf(readable(registry.repositories.repositories(), caller), limit, last);
  const headers = nextLink(page.more, "/v2/_catalog", limit, page.names.at(-1));
  return json(200, { repositories: page.names }, headers);
}

async function* readable(names: AsyncIterable<string>, caller: Caller): AsyncGenerator<string, void, undefined> {
  for await (const name of names) if (await caller.may("pull", name)) yield name;
}

/** @throws Refusal 400 when `n` is not a number */
function windowOf(exchange: Exchange): { limit: number; last: string } {
  const n = exchange.query.get("n");
  if (n !== null && !/^\d{1,20}$/.test(n)) throw new Refusal(400, "SIZE_INVALID", "n is not a number");
  return { limit: Math.min(n === null ? MAX_PAGE : Number(n), MAX_PAGE), last: exchange.query.get("last") ?? "" };
}

function nextLink(more: boolean, path: string, n: number, last: string | undefined): Record<string, string> {
  if (!more || last === undefined) return {};
  return { link: `<${path}?n=${n}&last=${encodeURIComponent(last)}>; rel="next"` };
}
