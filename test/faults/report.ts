import { writeFile } from "node:fs/promises";
import { BEYOND_LIST_ROWS, BEYOND_PULL_ROWS } from "./beyond-pull-rows.js";
import { BEYOND_PUSH_ROWS, COPY_ROWS } from "./beyond-push-rows.js";
import { type Ground, openGround } from "./ground.js";
import { type Peer, peersHere } from "./peers.js";
import { LIST_ROWS, PULL_ROWS } from "./pull-rows.js";
import { PUSH_ROWS } from "./push-rows.js";
import { complaints, type Direction, type Outcome, type Row } from "./row.js";
import { runRow } from "./run-row.js";

interface Cell {
  readonly outcome: Outcome;
  readonly right: boolean;
}

interface Line {
  readonly row: Row;
  readonly direction: Direction;
  readonly cells: readonly (Cell | undefined)[];
}

/** What waits for a clock gets as long as the slowest default needs; all others as long as a person would wait. */
const PATIENT = 75_000;
const USUAL = 45_000;

/** Runs the matrix with every tool that is here, and writes the table. */
export async function report(path: string): Promise<void> {
  const tools = peersHere();
  await using ground = await openGround();
  const all = (["push", "pull", "list"] as const).flatMap((direction) =>
    ({ push: PUSH_ROWS, pull: PULL_ROWS, list: LIST_ROWS })[direction].map((row) => ({
      row: { ...row, ...row.beside },
      direction,
    })),
  );
  const lines = new Map<Row, Line>();
  const run = async ({ row, direction }: (typeof all)[number]): Promise<void> => {
    const cells = await Promise.all(tools.map((tool) => cell(tool, row, direction, ground)));
    lines.set(row, { row, direction, cells });
    console.error(`${row.id} ${cells.map((each) => (each?.right === true ? "✓" : "✗")).join(" ")}`);
  };
  // What hangs only waits: all of those at once. The others measure time too.
  const clocks = all.filter(({ row }) => row.timeouts !== undefined);
  for (const each of all.filter(({ row }) => row.timeouts === undefined)) await run(each);
  await Promise.all(clocks.map(run));
  await writeFile(
    path,
    page(
      tools,
      all.map(({ row }) => lines.get(row)!),
    ),
  );
}

async function cell(tool: Peer, row: Row, direction: Direction, ground: Ground): Promise<Cell> {
  const deadline =
    row.timeouts === undefined ? Math.min(USUAL, row.deadline ?? USUAL) : Math.max(PATIENT, row.deadline ?? 0);
  const { outcome, proxy } = await runRow({ ...row, deadline }, direction, { ...ground, tool });
  // The codes are gantry's own, and what a tool leaves beside the image is not asked here.
  const { code: _code, also: _also, count: _count, ...asked } = row;
  const found = complaints(asked, outcome, direction, ground.image.bytes, proxy);
  return { outcome, right: found.every((complaint) => complaint.endsWith(" was left")) };
}

const WORDS = { survive: "survive", refuse: "refuse", either: "either" } as const;

function page(tools: readonly Peer[], lines: readonly Line[]): string {
  const score = (at: number): string => {
    const scored = lines.filter(({ row, cells }) => row.want !== "either" && cells[at] !== undefined);
    return `${scored.filter(({ cells }) => cells[at]!.right).length} of ${scored.length}`;
  };
  const head = ["", "fault", "wanted", ...tools.map(({ name }) => name)];
  const rows = lines.map(({ row, cells }) => [row.id, row.what, WORDS[row.want], ...cells.map(show)]);
  const beyond = [...BEYOND_PUSH_ROWS, ...COPY_ROWS, ...BEYOND_PULL_ROWS, ...BEYOND_LIST_ROWS];
  return [
    INTRODUCTION.trim(),
    "",
    "## The matrix",
    "",
    `Measured on ${new Date().toISOString().slice(0, 10)}, all tools in one run on one machine (2 cores, loopback), each with its defaults unless the column says otherwise. In a cell: what came of it, seconds, requests, MiB moved.`,
    "",
    table([
      ["", ...tools.map(({ name }) => name)],
      ["right, of those with one right outcome", ...tools.map((_, at) => score(at))],
      [
        "hung",
        ...tools.map((_, at) => String(lines.filter(({ cells }) => cells[at]?.outcome.verdict === "hung").length)),
      ],
      [
        "said done, and was not",
        ...tools.map((_, at) => String(lines.filter(({ cells }) => cells[at]?.outcome.verdict === "corrupt").length)),
      ],
      [
        "credentials sent elsewhere",
        ...tools.map((_, at) => String(lines.filter(({ cells }) => (cells[at]?.outcome.leaks ?? 0) > 0).length)),
      ],
    ]),
    "",
    table([head, ...rows]),
    "",
    "## Beyond the matrix",
    "",
    `${beyond.length} more faults are run by every \`npm test\`, with the library; all of them come out as wanted, or the tests fail.`,
    "",
    table([["", "fault", "wanted"], ...beyond.map((row) => [row.id, row.what, WORDS[row.want]])]),
    "",
  ].join("\n");
}

function show(result: Cell | undefined): string {
  if (result === undefined) return "–";
  const { outcome, right } = result;
  const verdict = { ok: "ok", failed: "fail", hung: "**hung**", corrupt: "**corrupt**" }[outcome.verdict];
  const bytes = Math.max(outcome.up, outcome.down) / 1024 / 1024;
  const moved = bytes >= 0.05 ? ` ${bytes.toFixed(1)}M` : "";
  const leak = outcome.leaks > 0 ? " **leak**" : "";
  return `${right ? "✓" : "✗"} ${verdict} ${(outcome.milliseconds / 1000).toFixed(1)}s ${outcome.requests}rq${moved}${leak}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows.map((row) => `| ${row.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`);
  return [head, `|${rows[0]!.map(() => " --- ").join("|")}|`, ...body].join("\n");
}

const INTRODUCTION = `
# Reliability

What happens to a push, a pull or a list of tags when the network, the registry or something between them fails. Every
row is a test: \`test/faults\` holds a registry that fails as it is told to (a proxy before a real registry, with a second
origin that notices credentials that should not come there), the rows as data, and the runner. After every success the
image is read back by other code than gantry's and hashed; after every failure nothing may be named, half written or left
over. This page is written by \`node test/faults/report.mjs\`, which runs the same rows with the command line and with the
other tools that a machine has.

The fixture is an image of three incompressible layers (2 MiB, 6 MiB, 64 KiB). A push goes from an OCI layout to a
registry, a pull the other way. *survive*: it has to succeed. *refuse*: it has to fail, soon, without sending things again
for nothing. A row is also wrong when a tool hangs (45 s; 75 s where only a clock can end it), when a credential reaches
another origin, when more than the row's share of bytes is moved twice (5 % where a transfer breaks in its middle), or when
it says "done" of something that is not there.

## What gantry does

* **Requests that can be repeated** are sent up to eight times (\`--retry\`): broken connections, silence (30 s), 408, 429,
  499, 5xx but 501. Pauses grow from a quarter of a second to four, half of each by chance; a Retry-After, in seconds or as
  a date, holds for all requests to that host and at most a minute.
* **Uploads** are continued at the byte that the registry says it has. A lost answer is looked up, not sent again. A lost
  session is opened anew for that blob alone. Eight attempts in a row that bring nothing new end it; then, and on an
  interrupt, open sessions are cancelled (at most two seconds), but for those of which 16 MiB or more were sent: they are
  noted, and the next run goes on with them.
* **A push that was killed** goes on where it stopped when it is run again: uploads of 1 MiB and more are noted on disk.
* **Downloads** are continued with Range and If-Range, through the registry's own URL, since a signed address may be dead by
  then. A server that cannot do ranges sends the blob again, and what is known of it is passed over. A blob whose digest is
  wrong at the end is fetched once more.
* **Slow is broken**: no byte for 30 s, or under 60 KiB in a minute of waiting for the other side.
* **HEAD can lie**: when a registry refuses a manifest for blobs that it said it had, exactly those are sent again, once.
* **Credentials** go to the registry's own origin and to its token service, and nowhere else.

## Bad weather

A hundred seeded runs each of a push and a pull of a 200 MiB image, with 20 % of all requests answered 503, 5 % reset and
2 % of all bodies broken off (\`CHAOS_SEEDS=100 CHAOS_MIB=200 npx vitest run --project integration
test/faults/chaos.test.ts\`; every \`npm test\` runs ten of 20 MiB). On 2026-11-21:

|  | right | bytes moved over bytes needed | requests |
| --- | --- | --- | --- |
| push | 100 of 100 | 1.33 (a 503 comes after its body was taken) | 3747 |
| pull | 100 of 100 | 1.00 | 1055 |

## Killed pushes

An image of one layer of 1 GiB is pushed over a link of 32 MiB/s, killed with SIGKILL at random moments a hundred times,
and then left to end (\`node bench/kill-push.mjs --registry KIND\`, which counts bytes on the link; every \`npm test\` does
this with 64 MiB and eight kills). On 2026-11-21:

| registry | ended right | bytes sent over size |
| --- | --- | --- |
| distribution 3.1.2 | yes, after 100 kills | 1.000 |
| \`gantry serve\` | yes, after 100 kills | 1.001 |

distribution 2.8 ends right too, but from the beginning of the blob each time: it keeps no broken upload that anybody could
continue. A push that is killed once sends half of its size again there on average, at most all of it.

## What is not survived

* A registry that takes a manifest although it lost the blobs that it acknowledged: nobody can see that without reading the
  image back (\`gantry validate\` does).
* distribution 2.8 forgets what a broken request brought, PUT or PATCH: the offset is in the signed address of the session,
  and no answer gave the new one. A break of a large blob there costs what was sent of it.
`;
