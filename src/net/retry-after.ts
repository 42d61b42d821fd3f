/** The longest that a server's word is taken for. */
export const RETRY_AFTER_CAP = 60_000;

/**
 * How long a server asks to be left alone, in milliseconds from `now` (RFC 9110 section 10.2.3): seconds or an HTTP
 * date. The past is 0, ten years are a minute, and what is neither is undefined.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const value = header?.trim() ?? "";
  if (/^\d{1,15}(\.\d+)?$/.test(value)) return Math.min(Number(value) * 1000, RETRY_AFTER_CAP);
  // Date.parse takes nearly everything; an HTTP date begins with the day's name and ends with GMT.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .{10,30}$/.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now), RETRY_AFTER_CAP);
}
