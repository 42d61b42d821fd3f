/** One way to prove who is asking, as a server offers it. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case; the first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const isTokenCharacter = (code: number): boolean =>
  (code >= 0x30 && code <= 0x39) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a) ||
  "!#$%&'*+-.^_`|~".includes(String.fromCharCode(code));

/**
 * Reads WWW-Authenticate (RFC 9110 section 11.6.1): several challenges, in one header or in several joined by commas,
 * with commas inside quotes. One pass, whatever is sent; what is malformed is skipped.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const blank = (): void => {
    while (at < header.length && (header[at] === " " || header[at] === "\t")) at += 1;
  };
  const token = (): string => {
    const start = at;
    while (at < header.length && isTokenCharacter(header.charCodeAt(at))) at += 1;
    return header.slice(start, at);
  };
  const quoted = (): string => {
    let value = "";
    at += 1;
    while (at < header.length && header[at] !== '"') {
      if (header[at] === "\\" && at + 1 < header.length) at += 1;
      value += header[at];
      at += 1;
    }
    at += 1;
    return value;
  };
  while (at < header.length) {
    blank();
    if (header[at] === ",") {
      at += 1;
      continue;
    }
    const word = token();
    if (word === "") {
      // A stray quoted string or character: gone over as a whole, so that no comma in it starts a challenge.
      if (header[at] === '"') quoted();
      else at += 1;
      continue;
    }
    const spaced = header[at] === " " || header[at] === "\t";
    blank();
    const current = challenges.at(-1);
    if (header[at] === "=" && current !== undefined && header[at + 1] !== "=") {
      at += 1;
      blank();
      const value = header[at] === '"' ? quoted() : token();
      const name = word.toLowerCase();
      if (!current.parameters.has(name)) current.parameters.set(name, value);
      continue;
    }
    challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
    if (spaced) skipToken68();
  }
  return challenges;

  /** `Negotiate YII=`: one blob instead of parameters; of no use here, but it must not be taken for a scheme. */
  function skipToken68(): void {
    const start = at;
    while (at < header.length && (isTokenCharacter(header.charCodeAt(at)) || header[at] === "/")) at += 1;
    while (header[at] === "=") at += 1;
    const end = at;
    blank();
    if (end === start || (at < header.length && header[at] !== ",")) at = start;
    // `Bearer, Basic realm=x`: nothing was there to skip.
  }
}
