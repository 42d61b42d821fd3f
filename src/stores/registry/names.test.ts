import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readNames } from "./names.js";
import { scripted } from "./scripted-registry.js";

const JSON_TYPE = { "content-type": "application/json" };

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

describe("names in JSON", () => {
  test("are those that JSON.parse finds, however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "binary", maxLength: 40 })),
        fc.dictionary(
          fc.string().filter((key) => key !== "tags" && key !== "__proto__"),
          fc.jsonValue({ maxDepth: 3 }),
        ),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        fc.boolean(),
        async (tags, others, sizes, indented) => {
          const text = JSON.stringify({ ...others, tags, last: { tags: ["not", "these"] } }, null, indented ? 2 : 0);
          const bytes = new TextEncoder().encode(text);
          expect(await collect(readNames(pieces(bytes, sizes), "tags"))).toEqual(tags);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("of a list that is null, empty or missing are none", async () => {
    for (const text of ['{"name":"a","tags":null}', '{"tags":[]}', "{}", ' {"other":["x"]}\n']) {
      expect(await collect(readNames(pieces(Buffer.from(text), [3]), "tags"))).toEqual([]);
    }
  });

  test.each([
    "<html>no</html>",
    "",
    "[]",
    '{"tags":["a"',
    '{"tags":["a',
    '{"tags":[1]}',
    '{"tags":[["a"]]}',
    '{"tags":["a"]} {',
    '{"tags":["a"}]',
    `{"tags":["${"x".repeat(10_000)}"]}`,
    '{"tags":["\\x"]}',
    `{"a":${"[".repeat(100_000)}`,
  ])("of what is no such object are an error: %#", async (text) => {
    const names = collect(readNames(pieces(Buffer.from(text), [1000]), "tags"));
    await expect(names).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });
});

describe("a list of tags", () => {
  const page = (tags: readonly string[]) => JSON.stringify({ name: "app", tags });
  const list = async (host: Awaited<ReturnType<typeof scripted>>["host"]) =>
    collect(host.repository("app").tags.list());

  test("is read page by page", async () => {
    await using server = await scripted(({ path, answer }) => {
      const last = new URL(path, "http://x").searchParams.get("last");
      const at = last === null ? 0 : Number(last) + 1;
      const link = at < 4 ? { link: `</v2/app/tags/list?n=1000&last=${at}>; rel="next"` } : {};
      answer(200, { ...JSON_TYPE, ...link }, page([`t${at}`]));
    });
    expect(await list(server.host)).toEqual(["t0", "t1", "t2", "t3", "t4"]);
    expect(server.log).toHaveLength(5);
  });

  test.each([
    ["the same link", () => "</v2/app/tags/list?last=a>; rel=next", "a"],
    ["ever new links to the same page", (hit: number) => `</v2/app/tags/list?last=${hit}>; rel=next`, "a"],
    ["ever new links to nothing", (hit: number) => `</v2/app/tags/list?last=${hit}>; rel=next`, undefined],
  ])("that leads in a circle by %s ends in an error (T03)", async (_name, link, tag) => {
    await using server = await scripted(({ answer }) => {
      answer(200, { ...JSON_TYPE, link: link(server.log.length) }, page(tag === undefined ? [] : [tag]));
    });
    await expect(list(server.host)).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(server.log.length).toBeLessThan(5);
  });

  test("that breaks off is read on, no tag twice", async () => {
    const tags = Array.from({ length: 5000 }, (_, i) => `t${i}`);
    await using server = await scripted(({ answer, hits, response }) => {
      if (hits > 2) return answer(200, JSON_TYPE, page(tags));
      response.writeHead(200, JSON_TYPE);
      response.write(page(tags).slice(0, hits * 10_000), () => setTimeout(() => response.destroy(), 5));
    });
    expect(await list(server.host)).toEqual(tags);
  });

  test("is asked for without a size where the size is refused", async () => {
    await using server = await scripted(({ path, answer }) =>
      path.includes("n=") ? answer(400, JSON_TYPE, "{}") : answer(200, JSON_TYPE, page(["a"])),
    );
    expect(await list(server.host)).toEqual(["a"]);
  });

  test("of two million takes no more memory than it has names in flight (T02)", async () => {
    await using server = await scripted(async ({ response }) => {
      response.writeHead(200, JSON_TYPE);
      response.write('{"name":"app","tags":["first"');
      for (let block = 0; block < 200; block++) {
        const names = Array.from({ length: 10_000 }, (_, i) => `,"v${block}.${i}-0123456789"`).join("");
        await new Promise((done) => response.write(names, done));
      }
      response.end("]}");
    });
    let count = 0;
    let most = 0;
    for await (const _tag of server.host.repository("app").tags.list()) {
      count += 1;
      if (count % 100_000 === 0) most = Math.max(most, process.memoryUsage().heapUsed);
    }
    expect(count).toBe(2_000_001);
    expect(most).toBeLessThan(250 * 1024 * 1024);
  });

  test.each(["::add-mask::x", "\u001b]0;x\u0007", "a/b", ""])(
    "with %j in it is refused: that is no tag",
    async (name) => {
      await using server = await scripted(({ answer }) =>
        answer(200, JSON_TYPE, JSON.stringify({ name: "app", tags: ["ok", name] })),
      );
      await expect(list(server.host)).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    },
  );

  test("of an unknown repository is an error that says so", async () => {
    await using server = await scripted(({ answer }) => answer(404, JSON_TYPE, '{"errors":[{"code":"NAME_UNKNOWN"}]}'));
    await expect(list(server.host)).rejects.toMatchObject({ code: "NAME_UNKNOWN", message: "name unknown" });
  });
});
