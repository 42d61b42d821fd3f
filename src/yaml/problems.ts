import { GantryError } from "../errors.js";

/** Gathers what is wrong with a document, so that one run names all of it. */
export class Problems {
  readonly #found: { readonly at: string; readonly message: string; readonly hint?: string }[] = [];

  /** `at` is the place: `gantry.yaml:12:7`, or a path such as `images[0].name`. */
  add(at: string, message: string, hint?: string): void {
    // What follows from the first problem at a place is noise: an unset variable also makes an empty text.
    if (this.#found.some((known) => known.at === at)) return;
    this.#found.push({ at, message, ...(hint === undefined ? {} : { hint }) });
  }

  /**
   * One problem is said with its hint; several are joined in the order of the file, each with its hint in brackets.
   *
   * @throws GantryError PLAN_INVALID when anything was added
   */
  throwIfAny(): void {
    const [first] = this.#found;
    if (first === undefined) return;
    if (this.#found.length === 1) {
      throw new GantryError("PLAN_INVALID", `${first.at}: ${first.message}`, {
        hint: first.hint,
        facts: { at: first.at },
      });
    }
    const sorted = this.#found.toSorted((a, b) => collate(a.at, b.at));
    const shown = sorted.slice(0, MOST).map(({ at, message, hint }) => `${at}: ${message}${hint ? ` (${hint})` : ""}`);
    const more = sorted.length > MOST ? `; and ${sorted.length - MOST} more` : "";
    throw new GantryError("PLAN_INVALID", shown.join("; ") + more, {
      facts: { problems: sorted.length, at: sorted[0]!.at },
    });
  }
}

/** More than this at once is noise. */
const MOST = 10;

/** By line and column, as numbers. Not by locale: the order is the same everywhere. */
function collate(a: string, b: string): number {
  const [x, y] = [position(a), position(b)];
  return x.line - y.line || x.column - y.column || (a < b ? -1 : a > b ? 1 : 0);
}

function position(at: string): { line: number; column: number } {
  const match = /:(\d+):(\d+)$/.exec(at);
  return { line: Number(match?.[1] ?? 0), column: Number(match?.[2] ?? 0) };
}
