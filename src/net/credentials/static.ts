import type { CredentialSource, Found } from "../credentials.js";

/** What the user said outright (`--creds`, `--registry-token`): it holds for every host, and nothing better comes by asking again. */
export function staticCredentials(found: Found): CredentialSource {
  return { find: () => Promise.resolve(found) };
}
