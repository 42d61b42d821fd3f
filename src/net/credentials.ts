/** What proves who is asking. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token ("identity token" in Docker's words), exchanged at the realm. */
  | { readonly kind: "refresh"; readonly token: string }
  /** A bearer token that is sent as it is (`--registry-token`, `registrytoken`). */
  | { readonly kind: "bearer"; readonly token: string };

/** A credential and the place that it was found in, for `auth explain`, `doctor` and error messages. */
export interface Found {
  readonly credential: Credential;
  /** `~/.docker/config.json, key ghcr.io/acme`; `--creds`; `docker-credential-pass`. Never a secret. */
  readonly origin: string;
}

/** A place to look for credentials. Asked again when a token expired or was rejected: a helper may mint a new one. */
export interface CredentialSource {
  find(
    scope: { readonly host: string; readonly repository?: string },
    why: "first" | "expired" | "rejected",
  ): Promise<Found | undefined>;
}

/** The first source that knows an answer gives it. */
export function firstOf(...sources: readonly CredentialSource[]): CredentialSource {
  return {
    async find(scope, why) {
      for (const source of sources) {
        const found = await source.find(scope, why);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
