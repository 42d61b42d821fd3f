import { blobGet } from "./blob-get.js";
import { build } from "./build.js";
import { catalog } from "./catalog.js";
import type { Command } from "./command.js";
import { complete, completion } from "./completion.js";
import { copy } from "./copy.js";
import { digest } from "./digest.js";
import { help } from "./help.js";
import { images } from "./images.js";
import { inspect } from "./inspect.js";
import { login } from "./login.js";
import { logout } from "./logout.js";
import { ls } from "./ls.js";
import { manifestGet } from "./manifest-get.js";
import { pull } from "./pull.js";
import { push } from "./push.js";
import { rm } from "./rm.js";
import { serve } from "./serve.js";
import { validate } from "./validate.js";
import { version } from "./version.js";

/** Every command, in the order of help: make, move, look, tidy, the rest. */
export const COMMANDS: readonly Command[] = [
  build,
  push,
  pull,
  copy,
  inspect,
  digest,
  ls,
  catalog,
  validate,
  manifestGet,
  blobGet,
  images,
  rm,
  login,
  logout,
  serve,
  completion,
  version,
  help,
  complete,
];
