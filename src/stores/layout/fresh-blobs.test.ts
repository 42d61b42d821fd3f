import { expect, test, vi } from "vitest";
import { type Digest, digestFrom } from "../../spec/index.js";
import { FreshBlobs } from "./fresh-blobs.js";

const A = digestFrom("sha256", "a".repeat(64));
const B = digestFrom("sha256", "b".repeat(64));

test("what is wanted is touched again and again, a failure aside, until nothing is wanted", async () => {
  const touched: Digest[] = [];
  const fresh = new FreshBlobs((digest) => {
    touched.push(digest);
    return digest === A ? Promise.reject(new Error("gone")) : Promise.resolve();
  }, 2);
  fresh.add(A);
  fresh.add(B);
  await vi.waitFor(() => expect(touched.filter((digest) => digest === B).length).toBeGreaterThan(2));
  fresh.clear();
  const count = touched.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  // One round may have been on its way.
  expect(touched.length).toBeLessThanOrEqual(count + 2);
});

test("what was wanted long ago is forgotten", async () => {
  let touches = 0;
  const fresh = new FreshBlobs(() => Promise.resolve(touches++), 1);
  fresh.add(A);
  await vi.waitFor(
    async () => {
      const before = touches;
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(touches).toBe(before);
    },
    { timeout: 10_000 },
  );
  expect(touches).toBeGreaterThan(0);
});
