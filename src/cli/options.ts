import type { Command, OptionSpec } from "./command.js";

/** What every command takes. */
export const EVERYWHERE: readonly OptionSpec[] = under("Options of every command:", [
  { name: "json", kind: "boolean", help: "print one JSON object on stdout, also of an error" },
  { name: "quiet", short: "q", kind: "boolean", help: "no progress and no notes on stderr" },
  { name: "verbose", short: "v", kind: "boolean", help: "say what is skipped and why" },
  { name: "debug", kind: "boolean", help: "trace every request, secrets masked; errors with their stack" },
  {
    name: "progress",
    kind: "text",
    value: "MODE",
    choices: ["auto", "bar", "plain", "json", "none"],
    help: "how progress is shown on stderr: bars on a terminal, else lines",
  },
]);

/** What every command takes that talks to registries. */
export const NETWORK: readonly OptionSpec[] = under("Options for registries:", [
  {
    name: "authfile",
    kind: "text",
    value: "PATH",
    completes: "file",
    help: "the file with credentials, instead of the usual ones",
  },
  { name: "creds", kind: "text", value: "USER:PASSWORD", help: "credentials for every registry of this command" },
  { name: "registry-token", kind: "text", value: "TOKEN", help: "a bearer token, sent as it is" },
  {
    name: "cert-dir",
    kind: "text",
    value: "DIR",
    completes: "folder",
    help: "a folder with *.crt, *.cert and *.key for TLS",
  },
  {
    name: "tls-verify",
    kind: "boolean",
    help: "verify TLS; false also allows plain HTTP (loopback registries may always use it)",
  },
  { name: "retry", kind: "number", value: "N", help: "how often a request is tried again" },
  {
    name: "retry-delay",
    kind: "duration",
    value: "TIME",
    help: "wait so long between tries, instead of longer each time",
  },
  { name: "concurrency", kind: "number", value: "N", help: "how many transfers at once" },
]);

/** The same for one side, where source and destination may differ. */
export const SIDED: readonly OptionSpec[] = (["src", "dest"] as const).flatMap((side): OptionSpec[] => {
  const of = side === "src" ? "the source" : "the destination";
  return under("Options for one side:", [
    { name: `${side}-authfile`, kind: "text", value: "PATH", completes: "file", help: `credentials for ${of}` },
    { name: `${side}-creds`, kind: "text", value: "USER:PASSWORD", help: `credentials for ${of}` },
    { name: `${side}-registry-token`, kind: "text", value: "TOKEN", help: `bearer token for ${of}` },
    { name: `${side}-cert-dir`, kind: "text", value: "DIR", completes: "folder", help: `TLS files for ${of}` },
    { name: `${side}-tls-verify`, kind: "boolean", help: `verify the TLS of ${of}` },
  ]);
});

/** One or more platforms. */
export const PLATFORM: OptionSpec = {
  name: "platform",
  kind: "list",
  value: "OS/ARCH[/VARIANT],…",
  help: "only these platforms; several give an index of them",
};

/** What moves with an image, and how. */
export const MOVING: readonly OptionSpec[] = [
  {
    name: "sparse",
    kind: "boolean",
    help: "with --platform: keep the index as it is, without the content of other platforms",
  },
  {
    name: "attached",
    kind: "list",
    value: "none|all|TYPE,…",
    help: "which of what is attached comes along: signatures, attestations, sboms or artifact types. Default: all, looked for when the image has to be sent; all: always looked for",
  },
  {
    name: "rollback",
    kind: "boolean",
    help: "put names back that were moved when another one could not be; --no-rollback leaves them",
  },
];

/** For commands that read one image. */
export const ONE_PLATFORM: OptionSpec = {
  name: "platform",
  kind: "list",
  value: "OS/ARCH[/VARIANT]",
  help: "of an index the image for this platform",
};

/** Plan and stop. */
export const DRY_RUN: OptionSpec = {
  name: "dry-run",
  kind: "boolean",
  help: "show what would be done and write nothing",
};

function under(heading: string, options: readonly OptionSpec[]): OptionSpec[] {
  return options.map((option) => ({ ...option, heading }));
}

/** Every option of a command. */
export function optionsOf(command: Command): readonly OptionSpec[] {
  return [...command.options, ...EVERYWHERE];
}
