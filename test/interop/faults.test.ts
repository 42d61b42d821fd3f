import { afterAll, beforeAll, describe } from "vitest";
import { type Ground, openGround } from "../faults/ground.js";
import { LAYERS } from "../faults/image.js";
import { PULL_ROWS } from "../faults/pull-rows.js";
import { PUSH_ROWS } from "../faults/push-rows.js";
import { testRows } from "../faults/row-tests.js";
import { needs } from "./needs.js";
import { startRegistry, type TestRegistry } from "./registries.js";

// The same rows as against the embedded registry: what a registry keeps of a broken upload differs.
/**
 * distribution 2.8 forgets what a broken PUT brought, and a push sends blobs as PUT until it has seen that: the first
 * break of each blob costs what was sent.
 */
const FORGETS: Readonly<Record<string, number>> = { P03: 1.15, P04: 1.4, P05: 2.2 };

for (const kind of ["docker-registry", "registry"] as const) {
  describe.skipIf(needs([kind]).skip)(`the fault matrix before ${kind}`, () => {
    let registry: TestRegistry;
    beforeAll(async () => {
      registry = await startRegistry(kind);
    });
    afterAll(() => registry?.stop());

    const open = (): Promise<Ground> => openGround(LAYERS, registry.url);
    const forgets = kind === "docker-registry" ? FORGETS : {};
    const rows = PUSH_ROWS.map((row) => (row.id in forgets ? { ...row, resent: forgets[row.id]! } : row));
    testRows("a push", "push", rows, open);
    testRows("a pull", "pull", PULL_ROWS, open);
  });
}
