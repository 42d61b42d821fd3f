import { describe, expect, it } from "vitest";
import { GantryError } from "../errors.js";
import { COMMANDS } from "./commands.js";
import { optionsOf } from "./options.js";
import { helpFor, parseArguments } from "./program.js";

function parse(line: string) {
  const parsed = parseArguments(COMMANDS, line.split(" "));
  if (parsed.kind !== "run") throw new Error("help");
  return parsed;
}

function failure(line: string): GantryError {
  try {
    parseArguments(COMMANDS, line === "" ? [] : line.split(" "));
  } catch (error) {
    if (GantryError.is(error)) return error;
  }
  throw new Error(`${line} was taken`);
}

describe("parseArguments", () => {
  it("finds commands of one and of two words, with arguments and options in any order", () => {
    expect(parse("manifest get --json a:1").command.name).toBe("manifest get");
    const { given } = parse("copy a:1 --tls-verify=false b:1 --dest-creds u:p c:1 -q");
    expect(given.argument("source")).toBe("a:1");
    expect(given.argumentsOf("dest")).toEqual(["b:1", "c:1"]);
    expect(given.flag("tls-verify")).toBe(false);
    expect(given.flag("quiet")).toBe(true);
    expect(given.flag("json")).toBeUndefined();
    expect(given.text("dest-creds")).toBe("u:p");
  });

  it("splits and collects lists", () => {
    expect(parse("build --platform linux/amd64,linux/arm64 -t a -t b").given.list("platform")).toEqual([
      "linux/amd64",
      "linux/arm64",
    ]);
    expect(parse("build -t a -tb").given.list("tag")).toEqual(["a", "b"]);
  });

  it.each([
    ["psuh a", "unknown command", "Did you mean push?"],
    ["push a --dry-rnu", "unknown option", "Did you mean --dry-run?"],
    ["copy", "missing required argument", "gantry help copy"],
    ["digest a b", "too many arguments", "gantry help digest"],
    ["copy a b --retry many", "invalid value", "whole number"],
    ["copy a b --retry-delay 5parsecs", "invalid value", "duration"],
    ["copy a b --tls-verify=maybe", "invalid value", "true or false"],
    ["copy a b --progress=loud", "invalid value", "one of auto"],
    ["copy a b --creds", "argument missing", "gantry help copy"],
    ["manifest gte x", "unknown command", "Did you mean get?"],
  ])("refuses %s and says what to do", (line, message, hint) => {
    const error = failure(line);
    expect(error.code).toBe("USAGE");
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  it("gives every command a help with its options and at least one example", () => {
    for (const command of COMMANDS.commands.filter(({ name }) => !name.startsWith("__"))) {
      const help = helpFor(COMMANDS, command.name.split(" "));
      expect(help).toContain("Examples:");
      for (const option of optionsOf(command)) expect(help, command.name).toContain(`--${option.name}`);
      for (const example of command.examples)
        expect(
          () =>
            parseArguments(
              COMMANDS,
              example
                .replace(/ [<>].*$/, "")
                .split(" ")
                .slice(1),
            ),
          example,
        ).not.toThrow();
    }
  });

  it("gives an option one meaning over all commands", () => {
    const kinds = new Map<string, string>();
    for (const option of COMMANDS.commands.flatMap(optionsOf)) {
      expect(kinds.get(option.name) ?? option.kind, option.name).toBe(option.kind);
      kinds.set(option.name, option.kind);
    }
  });
});
