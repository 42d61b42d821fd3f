import * as z from "zod/mini";
import type { SkopeoFileInput, SyncFileInput } from "./sync-input.js";

/** The shape of gantry's own sync file; YAML's scalars come as the text that was written. */
const text = z.string({ error: "expected a text" }).check(z.minLength(1, { error: "is empty" }));
const texts = z.union([text, z.array(text)], { error: 'expected a text, or a list such as ["a", "b"]' });
const yes = z.union([z.boolean(), z.enum(["true", "false"])], { error: "expected true or false" });
const A_COUNT = "expected a number, at least 1";
const count = z.union([z.int().check(z.minimum(1)), z.string().check(z.regex(/^[1-9]\d{0,5}$/, { error: A_COUNT }))], {
  error: A_COUNT,
});

/** Descriptions for the JSON Schema. A registry of our own: zod's is global. */
const descriptions = z.registry<{ description: string }>();
const described = <T extends z.core.$ZodType>(type: T, description: string): T => {
  const own = z.core.clone(type);
  descriptions.add(own, { description });
  return own;
};

const access = {
  credentials: z.optional(
    z.strictObject(
      { username: text, password: z.string({ error: "expected a text" }) },
      { error: "expected a map with username and password" },
    ),
  ),
  "tls-verify": z.optional(described(yes, "False: certificates are not checked, and plain HTTP is allowed.")),
  "cert-dir": z.optional(described(text, "A folder with *.crt, *.cert and *.key.")),
};

const tags = z.strictObject(
  {
    names: z.optional(described(texts, "Exactly these tags or digests; excludes the other keys.")),
    allow: z.optional(described(texts, "Regular expressions; a tag has to match one of them.")),
    deny: z.optional(described(texts, "Regular expressions; a tag may match none of them.")),
    glob: z.optional(described(texts, "Globs; a tag has to match one of them.")),
    semver: z.optional(described(text, "A range of versions; a tag has to be a version in it.")),
    newest: z.optional(described(count, "Of those, only so many of the highest versions.")),
  },
  { error: "expected a map with names, or with allow, deny, glob, semver, newest" },
);

const own = {
  immutable: z.optional(
    described(texts, "Regular expressions; a tag that matches is not asked for again once it is there."),
  ),
  delete: z.optional(described(yes, "Remove tags at the destination that left the source.")),
  platforms: z.optional(described(texts, "Only these platforms.")),
  attached: z.optional(described(texts, "What that refers to an image comes along: all, none, or artifact types.")),
};

const entry = z.strictObject(
  {
    source: described(text, "A repository, with or without a tag; oci:PATH; local:NAME."),
    dest: z.optional(
      described(text, "The repository to bring it to. Without it the command's DEST, and a name below it."),
    ),
    tags: z.optional(described(tags, "All of them when left out.")),
    ...own,
  },
  { error: "expected an entry: a map with source" },
);

/** The schema of gantry's own sync file. */
export const syncSchema: z.ZodMiniType<SyncFileInput> = z.strictObject(
  {
    sync: z
      .array(entry, { error: "expected a list of entries" })
      .check(z.minLength(1, { error: "names nothing to sync" })),
    defaults: z.optional(
      described(z.strictObject(own, { error: "expected a map" }), "For entries that do not say otherwise."),
    ),
    registries: z.optional(
      described(
        z.record(text, z.strictObject(access, { error: "expected a map" }), { error: "expected a map of hosts" }),
        "How sources are reached.",
      ),
    ),
    concurrency: z.optional(described(count, "Images at once.")),
  },
  { error: "expected a sync file: a map with sync" },
) as unknown as z.ZodMiniType<SyncFileInput>;

const named = z.record(text, text, { error: "expected a map of repositories" });

/** The schema of skopeo's sync file (skopeo-sync(1), "YAML file content"). */
export const skopeoSchema: z.ZodMiniType<SkopeoFileInput> = z.record(
  text,
  z.strictObject(
    {
      images: z.optional(
        z.record(text, z.union([z.array(text), z.null()], { error: "expected a list of tags" }), {
          error: "expected a map of repositories to lists of tags",
        }),
      ),
      "images-by-tag-regex": z.optional(named),
      "images-by-semver": z.optional(named),
      ...access,
    },
    { error: "expected a map with images" },
  ),
  { error: "expected a map of registries, or a map with sync" },
) as unknown as z.ZodMiniType<SkopeoFileInput>;

/** The JSON Schema of gantry's own sync file, published as schemas/sync.schema.json. */
export function syncJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(syncSchema, { io: "input", target: "draft-7", metadata: descriptions }) as Record<
    string,
    unknown
  >;
  return {
    $schema: schema["$schema"],
    $id: "https://unpkg.com/gantry/schemas/sync.schema.json",
    title: "gantry sync",
    description: "What `gantry sync` reads: which images are kept equal where. skopeo's sync files are read too.",
    ...schema,
    patternProperties: { "^x-|^\\$schema$": { description: "Yours: gantry does not read it." } },
  };
}
