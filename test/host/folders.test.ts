import { describe, expect, it } from "vitest";
import { cacheFolder } from "../../src/host/folders.ts";

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
