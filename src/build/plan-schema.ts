import * as z from "zod/mini";
import type { PlanInput } from "./plan-input.js";

/**
 * The shape of a plan file: the one source of what is accepted, of the error messages, and of the JSON Schema that
 * editors use. Numbers and booleans stand beside strings because YAML reads `8080`, `0644` and `true` that way.
 */
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: "expected a text" });
const text = z.string({ error: "expected a text" }).check(z.minLength(1, { error: "is empty" }));
const map = z.record(z.string(), scalar, { error: "expected a map of names to texts" });
const list = z.array(text, { error: 'expected a list, such as ["a", "b"]' });
const command = z.array(z.string({ error: "expected a text" }), {
  error: 'expected a list of arguments, such as ["node", "/app/main.js"]',
});
const OWNER_SHAPE = 'expected numeric ids, such as "1000:1000"';

/** Descriptions for the JSON Schema. A registry of our own: zod's is global. */
const descriptions = z.registry<{ description: string }>();
const described = <T extends z.core.$ZodType>(type: T, description: string): T => {
  const own = z.core.clone(type); // the same type may stand elsewhere with another description
  descriptions.add(own, { description });
  return own;
};

const octal = z.union(
  [
    z.string().check(z.regex(/^(?:0o)?[0-7]{3,5}$/, { error: 'expected octal permissions, such as "0644"' })),
    z.int().check(z.minimum(0), z.maximum(0o7777)),
  ],
  { error: 'expected octal permissions, such as "0644"' },
);
const mode = z.union([octal, z.literal("keep")], { error: 'expected octal permissions, such as "0644", or "keep"' });
const level = z.union([z.int().check(z.minimum(0), z.maximum(22)), z.string().check(z.regex(/^\d{1,2}$/))], {
  error: "expected a level: 0 to 9 for gzip, 1 to 22 for zstd",
});
const compressionType = z.enum(["gzip", "zstd", "none"], { error: "expected gzip, zstd or none" });
const compression = z.union([compressionType, z.strictObject({ type: compressionType, level: z.optional(level) })], {
  error: "expected gzip, zstd or none, or a map with type and level",
});
const duration = z
  .string({ error: 'expected a duration, such as "30s"' })
  .check(z.regex(/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/, { error: 'expected a duration, such as "30s" or "1m30s"' }));

const layer = z.strictObject(
  {
    files: described(
      z.record(text, text, { error: "expected a map of sources to destinations" }),
      "Source: destination. A directory brings its content; a destination that ends with / takes the source into it. Sources are relative to the plan file.",
    ),
    owner: z.optional(
      described(
        z.union([z.string().check(z.regex(/^\d+(?::\d+)?$/, { error: OWNER_SHAPE })), z.int().check(z.minimum(0))], {
          error: OWNER_SHAPE,
        }),
        'Numeric "uid:gid" of every entry; 0:0 without it.',
      ),
    ),
    mode: z.optional(
      described(
        z.union([mode, z.strictObject({ file: z.optional(mode), directory: z.optional(mode) })], {
          error: 'expected octal permissions, such as "0644", "keep", or a map with file and directory',
        }),
        'Permissions of files (and directories); "keep" takes their own. Without it 0755 for directories and for files that their owner may execute, 0644 for others.',
      ),
    ),
    exclude: z.optional(described(list, "Glob patterns, relative to each source.")),
    excludes: z.optional(described(list, "The same as exclude.")),
    mtime: z.optional(
      described(
        z.union([z.string(), z.int().check(z.minimum(0))], { error: 'expected "keep", a date or seconds since 1970' }),
        'Modification time of every entry: a date, seconds since 1970, or "keep" for the files\' own (which makes the layer depend on them). Without it SOURCE_DATE_EPOCH, or 1970.',
      ),
    ),
    compression: z.optional(described(compression, "Overrides the image's.")),
    comment: z.optional(described(text, "Goes into the image's history.")),
  },
  { error: "expected a layer: a map with files" },
);

const healthcheck = z.strictObject(
  {
    test: z.union([text, command], { error: 'expected a command line, or a list that starts with "CMD"' }),
    interval: z.optional(duration),
    timeout: z.optional(duration),
    startPeriod: z.optional(duration),
    startInterval: z.optional(duration),
    retries: z.optional(
      z.union([z.int().check(z.minimum(0)), z.string().check(z.regex(/^\d{1,6}$/))], { error: "expected a number" }),
    ),
  },
  { error: "expected a map with test" },
);

const config = z.strictObject(
  {
    entrypoint: z.optional(described(command, "Clears the base's cmd, unless cmd is given too (as Docker does).")),
    cmd: z.optional(command),
    env: z.optional(
      described(
        z.union([map, z.array(z.string().check(z.regex(/^[^=]+=/s, { error: "expected NAME=VALUE" })))], {
          error: "expected a map, or a list of NAME=VALUE",
        }),
        "Replaces the base's variables by name and keeps their order.",
      ),
    ),
    user: z.optional(z.union([text, z.int().check(z.minimum(0))], { error: "expected a user, such as 1000 or node" })),
    workdir: z.optional(described(text, "A relative one is joined to the base's.")),
    labels: z.optional(map),
    ports: z.optional(
      z.array(
        z.union(
          [
            z.int().check(z.minimum(1), z.maximum(65535)),
            z.string().check(z.regex(/^\d{1,5}(?:-\d{1,5})?(?:\/(?:tcp|udp|sctp))?$/)),
          ],
          { error: "expected a port, such as 8080 or 53/udp" },
        ),
        { error: "expected a list of ports" },
      ),
    ),
    volumes: z.optional(list),
    stopSignal: z.optional(z.union([text, z.int()], { error: "expected a signal, such as SIGTERM" })),
    shell: z.optional(command),
    healthcheck: z.optional(healthcheck),
  },
  { error: "expected a map, such as { entrypoint: [node, /app/main.js] }" },
);

const image = z.strictObject(
  {
    name: described(
      z.string({ error: "expected a name" }).check(
        z.maxLength(128, { error: "is longer than 128 characters" }),
        z.regex(/^[a-z0-9]+(?:(?:\.|_{1,2}|-+|\/)[a-z0-9]+)*$/, {
          error: "expected a name of lower-case letters and digits, with single . _ - / between them",
        }),
      ),
      "What `gantry build NAME` calls the image.",
    ),
    base: z.optional(described(text, "Any image name; `scratch` or absent: nothing.")),
    platforms: z.optional(
      described(
        z.union([text, z.array(text).check(z.minLength(1, { error: "names no platform" }))], {
          error: "expected a list of platforms, such as [linux/amd64, linux/arm64]",
        }),
        "One gives an image, several give an index. Without it linux and the architecture of the machine that builds.",
      ),
    ),
    layers: z.optional(z.array(layer, { error: "expected a list of layers" })),
    config: z.optional(config),
    annotations: z.optional(described(map, "On the manifest of every platform, and on the index.")),
    tags: z.optional(
      described(z.union([text, list], { error: "expected a list of image names" }), "Names to publish."),
    ),
    compression: z.optional(described(compression, "How this image's own layers are compressed; gzip without it.")),
    family: z.optional(
      described(
        z.enum(["oci", "docker"], { error: "expected oci or docker" }),
        "Media types of what is written. Without it the base's, or OCI on scratch.",
      ),
    ),
  },
  { error: "expected an image: a map with name" },
);

/** The schema of a whole plan. Keys that start with `x-` are taken away before it sees them. */
export const planSchema: z.ZodMiniType<PlanInput> = z.strictObject(
  {
    vars: z.optional(
      described(map, "Variables, the weakest of their sources: --var and the environment override them."),
    ),
    images: z.array(image, { error: "expected a list of images" }).check(z.minLength(1, { error: "names no image" })),
  },
  { error: "expected a plan: a map with images" },
) as unknown as z.ZodMiniType<PlanInput>;

/** The JSON Schema of a plan file, published as schemas/gantry.schema.json. */
export function planJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(planSchema, { io: "input", target: "draft-7", metadata: descriptions }) as Record<
    string,
    unknown
  >;
  return {
    $schema: schema["$schema"],
    $id: "https://unpkg.com/gantry/schemas/gantry.schema.json",
    title: "gantry plan",
    description: "What `gantry build` reads: images, their layers and their configuration.",
    ...schema,
    patternProperties: { "^x-|^\\$schema$": { description: "Yours: gantry does not read it." } },
  };
}
