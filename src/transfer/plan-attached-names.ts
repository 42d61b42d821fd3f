import type { Store } from "../content/index.js";
import { isManifest, parseManifest } from "../spec/index.js";
import { nameBeside } from "./attached-names.js";
import type { Attached } from "./find-attached.js";
import type { Destination } from "./plan.js";
import type { PlannedName, Planning } from "./planning.js";
import { whatIs } from "./what-is.js";

/**
 * cosign's tag at a store, beside each of the names; most often one. A tag that holds something that the source has
 * not, as when the image was signed again at the destination, is not replaced: the signature would be lost.
 */
export async function planAttachedNames(
  store: Store,
  { descriptor, tag }: Attached,
  names: readonly PlannedName[],
  planning: Planning,
): Promise<PlannedName[]> {
  if (tag === undefined) return [];
  const beside = new Map<string, Destination>();
  for (const { destination } of names) {
    const called = nameBeside(store, destination.tag, tag);
    const name =
      store.repository === undefined
        ? `${store.location}:${called}`
        : `${store.repository.host}/${store.repository.repository}:${called}`;
    if (!beside.has(called)) beside.set(called, { store, tag: called, name });
  }
  const { signal, source, onWarning } = planning;
  const planned = await Promise.all(
    [...beside.values()].map(async (destination): Promise<PlannedName | undefined> => {
      const current = await whatIs(store, destination.tag!, { signal });
      const changed = current?.digest !== descriptor.digest;
      if (!changed || current === undefined || !isManifest(current) || !isManifest(descriptor))
        return { destination, descriptor, changed };
      const [there, here] = await Promise.all([
        store.manifest(current, { signal }),
        source.manifest(descriptor, { signal }),
      ]);
      const ours = new Set(parseManifest(here).layers.map(({ digest }) => digest));
      if (parseManifest(there).layers.every(({ digest }) => ours.has(digest)))
        return { destination, descriptor, changed };
      onWarning(`${destination.name} holds what the source has not, and stays as it is`);
      return undefined;
    }),
  );
  return planned.filter((name) => name !== undefined);
}
