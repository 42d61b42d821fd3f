import type { GantryError } from "../../errors.js";
import type { HttpResponse, Transport } from "../../net/index.js";

/** A manifest may name as many places as it likes; more than a few are not tried. */
const MAX_URLS = 5;

/**
 * Opens a non-distributable layer at one of the places that its descriptor names, after the registry said that it does
 * not hold it. The places are a stranger's word: https only, never with a credential (CVE-2020-15157), and never an
 * address inside a private network, which the given transport sees to.
 *
 * @throws the registry's own error, when no place has it
 */
export async function openForeign(
  transport: Transport,
  urls: readonly string[],
  headers: Readonly<Record<string, string>>,
  unknown: GantryError,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  let cause: unknown;
  for (const text of urls.slice(0, MAX_URLS)) {
    if (!URL.canParse(text)) continue;
    const url = new URL(text);
    if (url.protocol !== "https:" || url.username !== "" || url.password !== "") continue;
    try {
      const response = await transport({
        method: "GET",
        url,
        repeat: "safe",
        headers: { "accept-encoding": "identity", ...headers },
        ...(signal === undefined ? {} : { signal }),
      });
      if (response.status === 200 || response.status === 206) return response;
      await response.discard();
    } catch (error) {
      signal?.throwIfAborted();
      cause = error;
    }
  }
  throw cause === undefined ? unknown : unknown.with({ cause });
}
