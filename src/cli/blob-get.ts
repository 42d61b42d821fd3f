import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { NETWORK } from "./options.js";

export const blobGet: Command = {
  name: "blob get",
  summary: "Write a blob to stdout or a file, verified",
  args: [{ name: "blob", help: "HOST/REPOSITORY@DIGEST, or oci:PATH@DIGEST", completes: "image" }],
  options: [
    ...NETWORK,
    {
      name: "output",
      short: "o",
      kind: "text",
      value: "FILE",
      completes: "file",
      help: "write there instead of stdout; the file appears when it is complete and verified",
    },
  ],
  examples: [
    "gantry blob get -o config.json localhost:5000/demo/hello@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
  ],
  run: runBlobGet,
};

async function runBlobGet(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const { descriptor, body } = await gantry.blob(given.argument("blob"), { signal });
  const output = given.text("output");
  if (output === undefined) {
    for await (const chunk of body.open({ signal })) await context.terminal.outAndWait(chunk);
    return;
  }
  const { saveStream } = await import("./save-stream.js");
  const size = await saveStream(body.open({ signal }), output);
  context.print({ digest: descriptor.digest, size, path: output }, "");
}
