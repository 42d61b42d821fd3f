// A registry in a process of its own, for the tests that kill it. Arguments: the folder. Prints its URL.
import { serve } from "./serve.js";

const running = await serve({ root: process.argv[2]! });
process.stdout.write(`${running.url}\n`);
