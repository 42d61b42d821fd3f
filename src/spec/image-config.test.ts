import { expect, test } from "vitest";
import { parseImageConfig } from "./image-config.js";
import { encodeJson } from "./json.js";

const diffID = `sha256:${"c".repeat(64)}`;
const config = {
  architecture: "arm64",
  os: "linux",
  config: { Env: ["PATH=/bin"], Cmd: ["sh"], Labels: { a: "b" }, Volumes: { "/data": {} } },
  rootfs: { type: "layers", diff_ids: [diffID] },
  history: [{ created: "2024-01-01T00:00:00Z", created_by: "x", empty_layer: true }],
};
const parse = (value: unknown) => parseImageConfig(encodeJson(value));

test("reads a config and keeps what it does not know", () => {
  const odd = {
    ...config,
    docker_version: "20",
    container_config: { Cmd: null },
    config: { ...config.config, Tty: true },
  };
  expect(parse(odd)).toEqual(odd);
});

test("reads Docker's nulls as absence", () => {
  const nulls = { ...config.config, Entrypoint: null, OnBuild: null, Healthcheck: null, Volumes: { "/data": null } };
  expect(parse({ ...config, config: nulls, author: null })).toEqual(config);
  expect(parse({ ...config, history: null }).history).toBeUndefined();
});

test("an image without layers, and the empty config of an artifact", () => {
  const empty = { type: "layers", diff_ids: [] };
  expect(parse({ ...config, rootfs: { type: "layers" } }).rootfs).toEqual(empty);
  expect(parse({ ...config, rootfs: { type: "layers", diff_ids: null } }).rootfs).toEqual(empty);
  expect(parse({})).toEqual({ os: "", architecture: "", rootfs: empty });
});

test.each<[object, string]>([
  [{ os: 1 }, "os is not a string"],
  [{ rootfs: { type: "layers+base" } }, 'rootfs.type is not "layers"'],
  [{ rootfs: { type: "layers", diff_ids: [diffID, "sha256:x"] } }, 'rootfs.diff_ids[1] is not a digest ("sha256:x")'],
  [{ config: { Env: "PATH=/bin" } }, "config.Env is not a list"],
  [{ config: { Env: [1] } }, "config.Env[0] is not a string"],
  [{ config: { Labels: { a: {} } } }, 'config.Labels["a"] is not a string'],
  [{ config: { env: [] } }, 'config.env is a case-variant of the known key "Env"'],
  [{ Rootfs: {} }, 'Rootfs is a case-variant of the known key "rootfs"'],
  [{ history: [{ empty_layer: "yes" }] }, "history[0].empty_layer is not true or false"],
])("refuses %j", (change, why) => {
  expect(() => parse({ ...config, ...change })).toThrow(`invalid image configuration: ${why}`);
});

test("refuses what is no object", () => {
  expect(() => parse([])).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
