import { randomBytes } from "node:crypto";
import type { Exchange } from "./exchange.js";

/** Who is let in, and how truthfully that is told. */
export interface GateOptions {
  readonly kind: "basic" | "bearer";
  readonly user: string;
  readonly password: string;
  /** How long a token lives, in milliseconds. */
  readonly life?: number;
  /** How long the token service says that it lives, in seconds. Default: the truth. */
  readonly says?: number;
  /** When a token has to be alive: as a request comes, or also when all of its body has. */
  readonly checked?: "start" | "end";
  /** Where tokens are to be had. Default: here. */
  readonly realm?: (own: string) => string;
}

const REFUSED = JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] });

/** Basic or token authentication in front of a registry that has none. */
export class Gate {
  readonly options: GateOptions;
  readonly #tokens = new Map<string, number>();

  constructor(options: GateOptions) {
    this.options = options;
  }

  /** True for the token service's own requests. */
  isTokenRequest(path: string): boolean {
    return this.options.kind === "bearer" && path.startsWith("/token");
  }

  lets(authorization: string | undefined): boolean {
    if (this.options.kind === "basic") return authorization === this.#basic();
    const until = this.#tokens.get(authorization?.replace(/^Bearer /i, "") ?? "");
    return until !== undefined && until > Date.now();
  }

  /** Gives a token to who knows the password. */
  async giveToken(exchange: Exchange): Promise<void> {
    if (exchange.request.headers.authorization !== this.#basic()) {
      return exchange.reply(401, { "content-type": "application/json" }, REFUSED);
    }
    const token = randomBytes(12).toString("hex");
    const { life = 60_000, says } = this.options;
    this.#tokens.set(token, Date.now() + life);
    const answer = { token, access_token: token, expires_in: says ?? Math.ceil(life / 1000) };
    return exchange.reply(200, { "content-type": "application/json" }, JSON.stringify(answer));
  }

  /** Asks who is there. */
  refuse(exchange: Exchange, own: string): Promise<void> {
    return exchange.reply(
      401,
      { "content-type": "application/json", "www-authenticate": this.challenge(exchange.path, own) },
      REFUSED,
    );
  }

  challenge(path: string, own: string): string {
    if (this.options.kind === "basic") return 'Basic realm="faults"';
    const repository = /^\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(path)?.[1];
    const scope = repository === undefined ? "" : `,scope="repository:${repository}:pull,push"`;
    const realm = this.options.realm?.(own) ?? `${own}/token`;
    return `Bearer realm="${realm}",service="faults"${scope}`;
  }

  #basic(): string {
    return `Basic ${Buffer.from(`${this.options.user}:${this.options.password}`).toString("base64")}`;
  }
}
