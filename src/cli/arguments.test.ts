import { describe, expect, it } from "vitest";
import { normaliseArguments } from "./arguments.js";
import type { OptionSpec } from "./command.js";

const options: readonly OptionSpec[] = [
  { name: "tls-verify", kind: "boolean", help: "" },
  { name: "quiet", short: "q", kind: "boolean", help: "" },
  { name: "tag", short: "t", kind: "list", help: "" },
  { name: "creds", kind: "text", help: "" },
];

// What Go's flags make of the same words.
const cases: [string, string[], string[]][] = [
  ["a boolean with a value", ["--tls-verify=false", "x"], ["--tls-verify=false", "x"]],
  ["a boolean never takes the next word", ["--tls-verify", "docker://x"], ["--tls-verify=true", "docker://x"]],
  ["a boolean turned off", ["--no-tls-verify"], ["--tls-verify=false"]],
  ["a joined short value", ["-tfoo"], ["--tag=foo"]],
  ["a short value after =", ["-t=foo"], ["--tag=foo"]],
  ["a short value in the next word", ["-t", "foo"], ["--tag=foo"]],
  ["joined short options", ["-qt", "foo"], ["--quiet=true", "--tag=foo"]],
  ["a short boolean with a value", ["-q=false"], ["--quiet=false"]],
  ["a value that starts with a dash", ["--creds", "--x:y"], ["--creds=--x:y"]],
  ["repeats", ["-t", "a", "-t", "b"], ["--tag=a", "--tag=b"]],
  ["what follows --", ["a", "--", "-q", "--tls-verify"], ["a", "--", "-q", "--tls-verify"]],
  ["a dash alone", ["-"], ["-"]],
  ["a negative number", ["-1"], ["-1"]],
  ["an unknown option", ["--nope", "x"], ["--nope", "x"]],
  ["an unknown short option", ["-x"], ["-x"]],
];

describe("normaliseArguments", () => {
  it.each(cases)("reads %s", (_, words, expected) => {
    expect(normaliseArguments(words, options)).toEqual(expected);
  });
});
