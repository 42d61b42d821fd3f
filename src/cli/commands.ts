import { blobGet } from "./blob-get.js";
import { build } from "./build.js";
import { catalog } from "./catalog.js";
import type { CommandGroup, CommandTable } from "./command.js";
import { complete, completion } from "./completion.js";
import { copy } from "./copy.js";
import { digest } from "./digest.js";
import { doctor } from "./doctor.js";
import { help } from "./help.js";
import { images } from "./images.js";
import { inspect } from "./inspect.js";
import { login } from "./login.js";
import { logout } from "./logout.js";
import { ls } from "./ls.js";
import { manifestGet } from "./manifest-get.js";
import { pull } from "./pull.js";
import { push } from "./push.js";
import { quota } from "./quota.js";
import { rm } from "./rm.js";
import { serve } from "./serve.js";
import { sync } from "./sync.js";
import { validate } from "./validate.js";
import { version } from "./version.js";

const GROUPS: readonly CommandGroup[] = [
  { heading: "Make and move", commands: [build, push, pull, copy, sync] },
  { heading: "Look", commands: [inspect, digest, ls, catalog, validate, manifestGet, blobGet] },
  { heading: "Keep and tidy", commands: [images, rm] },
  { heading: "Registries", commands: [login, logout, doctor, quota, serve] },
  { heading: "This program", commands: [help, completion, version] },
];

/** Every command, as help lists them; the last is what completion scripts call. */
export const COMMANDS: CommandTable = {
  groups: GROUPS,
  commands: [...GROUPS.flatMap(({ commands }) => commands), complete],
};
