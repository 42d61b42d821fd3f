import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import type { TokenOptions } from "./access.js";

/** One entry of a token's `access` claim, and of a scope: `repository:NAME:pull,push`. */
export interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** What a token says. */
export interface Claims {
  /** The user; empty for nobody in particular. */
  readonly sub: string;
  readonly access: readonly Grant[];
  readonly use: "access" | "refresh";
}

// The header of every token that counts, byte for byte. A token that names another algorithm, brings its own key (jwk,
// x5c) or asks for one (kid) has another header and is not read any further (CVE-2025-24976, alg=none).
const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url");
const MAX_TOKEN = 16 * 1024;

/** Makes and checks the registry's own bearer tokens: JSON web tokens, HMAC-SHA256, with a key that only it has. */
export class TokenIssuer {
  readonly lifetimeSeconds: number;
  readonly service: string;
  readonly #key: Uint8Array;
  readonly #realm: () => string;

  constructor(options: TokenOptions, realm: () => string) {
    this.lifetimeSeconds = options.lifetimeSeconds ?? 300;
    this.service = options.service ?? "gantry";
    this.#key = options.key ?? randomBytes(32);
    this.#realm = realm;
  }

  issue(claims: Claims, lifetimeSeconds: number = this.lifetimeSeconds): string {
    const now = Math.floor(Date.now() / 1000);
    const all = {
      ...claims,
      iss: "gantry",
      aud: this.service,
      iat: now,
      nbf: now,
      exp: now + lifetimeSeconds,
      jti: randomUUID(),
    };
    const signed = `${HEADER}.${Buffer.from(JSON.stringify(all)).toString("base64url")}`;
    return `${signed}.${this.#sign(signed).toString("base64url")}`;
  }

  /** What a token says; undefined for one that is not ours, not for us, of another use, or out of its time. */
  verify(token: string, use: Claims["use"] = "access"): Claims | undefined {
    const parts = token.split(".");
    if (token.length > MAX_TOKEN || parts.length !== 3 || parts[0] !== HEADER) return undefined;
    const signature = Buffer.from(parts[2]!, "base64url");
    const expected = this.#sign(`${HEADER}.${parts[1]}`);
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return undefined;
    const claims = JSON.parse(Buffer.from(parts[1]!, "base64url").toString("utf8")) as Claims & {
      aud: string;
      exp: number;
    };
    if (claims.aud !== this.service || claims.use !== use || claims.exp <= Date.now() / 1000) return undefined;
    return claims;
  }

  /** The `WWW-Authenticate` header that sends a client here (distribution's token specification). */
  challenge(grants: readonly Grant[], error?: string): string {
    const scope = grants.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`).join(" ");
    const parts = [`realm="${this.#realm()}"`, `service="${this.service}"`];
    if (scope !== "") parts.push(`scope="${scope}"`);
    if (error !== undefined) parts.push(`error="${error}"`);
    return `Bearer ${parts.join(",")}`;
  }

  #sign(text: string): Buffer {
    return createHmac("sha256", this.#key).update(text).digest();
  }
}
