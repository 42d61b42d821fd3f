// What the benchmarks build and push: real files of this machine, and one large file.
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const cache = fileURLToPath(new URL("./.cache", import.meta.url));
export const layers = ["1", "2", "3", "4", "5"];

/** How much of everything: `full` is the figure of the documentation, `small` is for CI. */
export const scales = {
  full: { layer: 90e6, big: 4 * 1024 ** 3, runs: 3, starts: 15 },
  small: { layer: 4e6, big: 256 * 1024 ** 2, runs: 3, starts: 5 },
};

/**
 * Five folders of real files from /usr, the first that fit in the order of their names: programs, libraries, text and
 * data compress as an application's files do. Made once and kept in bench/.cache.
 */
export function fiveLayers(scale) {
  const folder = join(cache, `tree-${scale}`);
  if (existsSync(folder)) return folder;
  const work = `${folder}.part`;
  rmSync(work, { recursive: true, force: true });
  const files = regularFiles("/usr");
  for (const layer of layers) {
    let left = scales[scale].layer;
    while (left > 0) {
      const next = files.next();
      if (next.done) throw new Error("/usr holds too little for this scale; try --scale small");
      const target = join(work, layer, next.value.path);
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(next.value.path, target);
      left -= next.value.size;
    }
  }
  renameSync(work, folder);
  return folder;
}

/** One file that no compressor makes smaller: every byte has to be moved and hashed. */
export function bigFile(scale) {
  const folder = join(cache, `big-${scale}`);
  const file = join(folder, "big.bin");
  const { big } = scales[scale];
  if (existsSync(file) && statSync(file).size === big) return folder;
  mkdirSync(folder, { recursive: true });
  const key = "00112233445566778899aabbccddeeff";
  const made = spawnSync("sh", [
    "-c",
    `head -c ${big} /dev/zero | openssl enc -aes-128-ctr -nosalt -K ${key} -iv ${key} > "$1"`,
    "sh",
    file,
  ]);
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
  return folder;
}

/** A plan for gantry: one layer a folder. */
export function writePlan(file, folders, tags) {
  const image = {
    name: "bench",
    platforms: ["linux/amd64"],
    layers: folders.map((folder) => ({ files: { [folder]: "/" } })),
    config: { cmd: ["/bin/true"] },
    tags,
  };
  writeFileSync(file, JSON.stringify({ images: [image] }));
}

function* regularFiles(folder) {
  const entries = [];
  const open = opendirSync(folder);
  for (let entry = open.readSync(); entry !== null; entry = open.readSync()) entries.push(entry);
  open.closeSync();
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* regularFiles(path);
    else if (entry.isFile()) {
      const { size } = lstatSync(path);
      // One giant would make a layer of one file, which is another benchmark.
      if (size < 30e6) yield { path, size };
    }
  }
}
