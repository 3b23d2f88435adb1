import { describe, expect, it } from "vitest";
import { cacheFolder, stateFolder } from "../../src/host/folders.ts";

describe("cacheFolder", () => {
  it.each([
    ["linux", {}, "/home/alice", "/home/alice/.cache/assume-mfa"],
    ["linux", { XDG_CACHE_HOME: "/cache" }, "/home/alice", "/cache/assume-mfa"],
    ["linux", { XDG_CACHE_HOME: "/cache" }, undefined, "/cache/assume-mfa"],
    // XDG Base Directory Specification: relative paths are ignored.
    ["linux", { XDG_CACHE_HOME: "cache" }, "/home/alice", "/home/alice/.cache/assume-mfa"],
    ["linux", { XDG_CACHE_HOME: "" }, "/home/alice", "/home/alice/.cache/assume-mfa"],
    ["linux", {}, undefined, undefined],
    ["linux", {}, "", undefined],
    ["linux", {}, "home", undefined],
    ["linux", { XDG_CACHE_HOME: "../x" }, undefined, undefined],
    ["darwin", {}, "/Users/alice", "/Users/alice/Library/Caches/assume-mfa"],
    ["darwin", { XDG_CACHE_HOME: "/cache" }, "/Users/alice", "/cache/assume-mfa"],
  ] as const)("%s %j, home %s: %s", (platform, env, homeDirectory, folder) => {
    expect(cacheFolder({ platform, env, homeDirectory })).toBe(folder);
  });
});

describe("stateFolder", () => {
  it.each([
    ["linux", {}, "/home/alice", "/home/alice/.local/state/assume-mfa"],
    ["linux", { XDG_STATE_HOME: "/state" }, "/home/alice", "/state/assume-mfa"],
    ["linux", { XDG_STATE_HOME: "/state" }, undefined, "/state/assume-mfa"],
    ["linux", { XDG_STATE_HOME: "state" }, "/home/alice", "/home/alice/.local/state/assume-mfa"],
    ["linux", { XDG_CACHE_HOME: "/cache" }, undefined, undefined],
    ["linux", {}, "home", undefined],
    ["darwin", {}, "/Users/alice", "/Users/alice/Library/Application Support/assume-mfa"],
    ["darwin", { XDG_STATE_HOME: "/state" }, "/Users/alice", "/state/assume-mfa"],
  ] as const)("%s %j, home %s: %s", (platform, env, homeDirectory, folder) => {
    expect(stateFolder({ platform, env, homeDirectory })).toBe(folder);
  });
});
