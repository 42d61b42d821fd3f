import { GantryError } from "../../errors.js";
import type { HttpResponse } from "../../net/index.js";
import type { Patience } from "./connection.js";
import { nextPage } from "./link.js";
import { readNames } from "./names.js";
import { Attempts, isWorthAnother } from "./patience.js";
import { type Asked, registryError } from "./registry-error.js";

/** What a paginated list of names needs. */
export interface NameList {
  /** The array's key: `tags`, `repositories`. */
  readonly key: string;
  readonly asked: Asked;
  readonly patience: Patience;
  /** Asks for the first page (undefined: without a page size) or for one that the registry linked to. */
  readonly ask: (page: URL | "first" | "unsized") => Promise<HttpResponse>;
  readonly signal?: AbortSignal | undefined;
}

/** How often in a row a page may bring nothing and still link on. */
const MAX_EMPTY_PAGES = 3;

/**
 * The names of a paginated list, in the server's order, page by page and bounded in memory. A page that breaks off is
 * read again and what was handed out already is left out. A list that leads in circles, by the same link or by other
 * links to the same page, ends in an error: it would never end by itself (faults.md, T03).
 *
 * @throws GantryError REGISTRY_PROTOCOL, NAME_UNKNOWN, UNAUTHORIZED, DENIED
 */
export async function* listNames(list: NameList): AsyncGenerator<string, void, undefined> {
  const seen = new Set<string>();
  let page: URL | "first" | undefined = "first";
  let previousFirst: string | undefined;
  let empty = 0;
  while (page !== undefined) {
    const read: PageRead = { count: 0, first: undefined, next: undefined };
    yield* readPage(list, page, read, previousFirst);
    empty = read.count === 0 ? empty + 1 : 0;
    previousFirst = read.first ?? previousFirst;
    page = read.next;
    if (page === undefined) return;
    if (seen.has(page.href) || empty >= MAX_EMPTY_PAGES) throw circle(list);
    seen.add(page.href);
  }
}

/** What is known of the page that is being read. */
interface PageRead {
  count: number;
  first: string | undefined;
  next: URL | undefined;
}

async function* readPage(
  list: NameList,
  page: URL | "first",
  read: PageRead,
  previousFirst: string | undefined,
): AsyncGenerator<string, void, undefined> {
  const attempts = new Attempts(list.patience);
  for (;;) {
    try {
      const response = await askFor(list, page);
      read.next = nextPage(response);
      let at = 0;
      for await (const name of readNames(response.body, list.key)) {
        if (at === 0) {
          read.first ??= name;
          if (name === previousFirst) throw circle(list);
        }
        at += 1;
        if (at <= read.count) continue;
        read.count = at;
        attempts.progressed();
        yield name;
      }
      return;
    } catch (error) {
      list.signal?.throwIfAborted();
      if (!isWorthAnother(error)) throw error;
      await attempts.again(error, { signal: list.signal });
    }
  }
}

async function askFor(list: NameList, page: URL | "first"): Promise<HttpResponse> {
  let response = await list.ask(page);
  if (page === "first" && response.status === 400) {
    // Some registries refuse a page size above their own limit instead of lowering it.
    await response.discard();
    response = await list.ask("unsized");
  }
  if (response.status !== 200) throw await registryError(response, list.asked);
  return response;
}

function circle(list: NameList): GantryError {
  return new GantryError("REGISTRY_PROTOCOL", "the registry's list of names leads in a circle", {
    where: list.asked.where,
    hint: "The registry links each page to one that was read already.",
  });
}
