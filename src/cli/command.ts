import type { Context } from "./context.js";

/**
 * How an option's value is read. A "boolean" takes `--x`, `--x=false` and `--no-x`, as Go's flags do; a "list" is
 * repeated or split at commas, "texts" are repeated only.
 */
export type OptionKind = "boolean" | "text" | "texts" | "list" | "number" | "duration";

/** One option of a command. */
export interface OptionSpec {
  /** The long name without dashes. */
  readonly name: string;
  readonly short?: string;
  readonly kind: OptionKind;
  /** What stands for the value in help: `PATH`. */
  readonly value?: string;
  readonly help: string;
  /** The values that there are. */
  readonly choices?: readonly string[];
  /** What completion offers as values. */
  readonly completes?: "file" | "folder" | "image";
  /** The heading in help; a command's own options have none. */
  readonly heading?: string;
}

/** One argument of a command. */
export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  readonly variadic?: boolean;
  /** What completion offers. */
  readonly completes?: "image" | "command" | "host" | "shell";
}

/** A command of the command line. Each has a file of its own; what is heavy is imported when it runs. */
export interface Command {
  /** `push`, or two words: `manifest get`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** Whole command lines that run, shown by `gantry help COMMAND`. */
  readonly examples: readonly string[];
  run(context: Context): Promise<void>;
}

/** Commands that belong together, under the heading that help gives them. */
export interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly Command[];
}

/** All commands: those that people use in groups, and every one. */
export interface CommandTable {
  readonly groups: readonly CommandGroup[];
  readonly commands: readonly Command[];
}

/** How one command's arguments and options were given, by name, each read as what its spec says. */
export class Given {
  readonly #args: readonly (string | readonly string[] | undefined)[];
  readonly #specs: readonly ArgumentSpec[];
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(
    specs: readonly ArgumentSpec[],
    args: readonly (string | readonly string[] | undefined)[],
    values: Readonly<Record<string, unknown>>,
  ) {
    this.#specs = specs;
    this.#args = args;
    this.#values = values;
  }

  /** A required argument. */
  argument(name: string): string {
    return this.optionalArgument(name) ?? "";
  }

  optionalArgument(name: string): string | undefined {
    const value = this.#args[this.#specs.findIndex((spec) => spec.name === name)];
    return typeof value === "string" ? value : undefined;
  }

  /** A variadic argument. */
  argumentsOf(name: string): readonly string[] {
    const value = this.#args[this.#specs.findIndex((spec) => spec.name === name)];
    return Array.isArray(value) ? value : [];
  }

  /** Undefined when the option was not given. */
  flag(name: string): boolean | undefined {
    const value = this.#values[name];
    return typeof value === "boolean" ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  number(name: string): number | undefined {
    const value = this.#values[name];
    return typeof value === "number" ? value : undefined;
  }

  /** Repeated and comma separated values, in order. */
  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
  }
}
