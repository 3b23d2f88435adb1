import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findKeychainPackage } from "../../src/host/keychain-package.ts";

const VERSION = "2.1.2";
const IS_GLIBC = (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }).header;
const SUFFIX = `linux-${process.arch}-${IS_GLIBC.glibcVersionRuntime === undefined ? "musl" : "gnu"}`;
const isRoot = process.getuid?.() === 0;

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), "assume-mfa-test-")));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(folder: string, manifest: Record<string, unknown>, ...files: string[]): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify(manifest));
  for (const file of files) writeFileSync(path.join(folder, file), "");
  return folder;
}

/** This program, as npm puts it there. @returns its file that asks */
function putOwn(folder: string): string {
  put(folder, { name: "assume-mfa", optionalDependencies: { "@napi-rs/keyring": VERSION } });
  mkdirSync(path.join(folder, "dist"));
  const file = path.join(folder, "dist", "os-keychain.cjs");
  writeFileSync(file, "");
  return file;
}

function putKeyring(folder: string, version = VERSION): void {
  put(path.join(folder, "@napi-rs", "keyring"), { name: "@napi-rs/keyring", version }, "index.js");
}

function putBinary(folder: string, version = VERSION): string {
  const name = `@napi-rs/keyring-${SUFFIX}`;
  return path.join(put(path.join(folder, name), { name, version }, FILE), FILE);
}
const FILE = `keyring.${SUFFIX}.node`;

/** Both. @returns the binary */
function putBoth(folder: string, version = VERSION): string {
  putKeyring(folder, version);
  return putBinary(folder, version);
}

describe.skipIf(process.platform !== "linux")("the package of the keychain", () => {
  it("is the checkout's here", () => {
    const found = findKeychainPackage(path.resolve("src/host/os-keychain.ts"));
    expect(found).toBe(path.resolve("node_modules/@napi-rs", `keyring-${SUFFIX}`, FILE));
  });

  it("is found beside the program, as npm lays it, and below it, as npm -g does", () => {
    const own = putOwn(path.join(root, "node_modules", "assume-mfa"));
    const flat = putBoth(path.join(root, "node_modules"));
    expect(findKeychainPackage(own)).toBe(flat);
    const nested = putBoth(path.join(root, "node_modules", "assume-mfa", "node_modules"));
    expect(findKeychainPackage(own)).toBe(nested);
  });

  it("is found in pnpm's store, through its links", () => {
    const store = path.join(root, "node_modules", ".pnpm");
    const own = putOwn(path.join(store, "assume-mfa@0.1.0", "node_modules", "assume-mfa"));
    symlinkSync(path.dirname(path.dirname(own)), path.join(root, "node_modules", "assume-mfa"));
    const [keyrings, binaries] = ["keyring", `keyring-${SUFFIX}`].map((name) =>
      path.join(store, `@napi-rs+${name}@${VERSION}`, "node_modules"),
    ) as [string, string];
    putKeyring(keyrings);
    const binary = putBinary(binaries);
    mkdirSync(path.join(store, "assume-mfa@0.1.0", "node_modules", "@napi-rs"));
    symlinkSync(
      path.join(keyrings, "@napi-rs", "keyring"),
      path.join(store, "assume-mfa@0.1.0", "node_modules", "@napi-rs", "keyring"),
    );
    symlinkSync(path.dirname(binary), path.join(keyrings, "@napi-rs", `keyring-${SUFFIX}`));
    const asked = path.join(root, "node_modules", "assume-mfa", "dist", "os-keychain.cjs");
    expect(findKeychainPackage(asked)).toBe(binary);
  });

  it("is none that lies in a folder further up", () => {
    const own = putOwn(path.join(root, "a", "node_modules", "assume-mfa"));
    putBoth(path.join(root, "node_modules"));
    putBoth(path.join(root, "a", "node_modules", "assume-mfa", "dist", "node_modules"));
    expect(findKeychainPackage(own)).toBeUndefined();
    // Nor the half of it.
    putKeyring(path.join(root, "a", "node_modules"));
    expect(findKeychainPackage(own)).toBeUndefined();
  });

  it("is none around a program that lies in no node_modules folder", () => {
    const own = putOwn(path.join(root, "checkout"));
    putBoth(root);
    putBoth(path.join(root, "node_modules"));
    expect(findKeychainPackage(own)).toBeUndefined();
  });

  it.each<[string, (folder: string) => void]>([
    ["another version of it", (folder) => putKeyring(folder, "2.1.3")],
    ["another version of its binary", (folder) => void putBinary(folder, "2.1.3")],
    [
      "a package of another name",
      (folder) => void put(path.join(folder, "@napi-rs", "keyring"), { name: "keyring", version: VERSION }),
    ],
    ["no binary", (folder) => rmSync(path.join(folder, "@napi-rs", `keyring-${SUFFIX}`, FILE))],
    [
      "a link for a binary",
      (folder) => {
        const binary = path.join(folder, "@napi-rs", `keyring-${SUFFIX}`, FILE);
        rmSync(binary);
        symlinkSync("/dev/null", binary);
      },
    ],
    ["a folder that all can write in", (folder) => chmodSync(folder, 0o777)],
    ["one for all with a sticky bit", (folder) => chmodSync(path.join(folder, "@napi-rs"), 0o1777)],
    ["a package that all can write in", (folder) => chmodSync(path.join(folder, "@napi-rs", "keyring"), 0o757)],
    [
      "a manifest that all can write",
      (folder) => chmodSync(path.join(folder, "@napi-rs", "keyring", "package.json"), 0o646),
    ],
    [
      "a binary that all can write",
      (folder) => chmodSync(path.join(folder, "@napi-rs", `keyring-${SUFFIX}`, FILE), 0o646),
    ],
    [
      "a binary that a group can write, which can't write this program",
      (folder) => chmodSync(path.join(folder, "@napi-rs", `keyring-${SUFFIX}`, FILE), 0o664),
    ],
  ])("is not taken with %s", (_what, spoil) => {
    const folder = path.join(root, "node_modules");
    const own = putOwn(path.join(folder, "assume-mfa"));
    const binary = putBoth(folder);
    expect(findKeychainPackage(own)).toBe(binary);
    spoil(folder);
    expect(findKeychainPackage(own)).toBeUndefined();
  });

  it("is taken where umask 002 opened all of it, this program too, to the user's own group", () => {
    const folder = path.join(root, "node_modules");
    const own = putOwn(path.join(folder, "assume-mfa"));
    const binary = putBoth(folder);
    for (const each of [folder, path.join(folder, "assume-mfa"), path.dirname(binary)]) chmodSync(each, 0o775);
    for (const each of [binary, path.join(path.dirname(binary), "package.json")]) chmodSync(each, 0o664);
    expect(findKeychainPackage(own)).toBe(binary);
  });

  it.skipIf(!isRoot).each(["keyring", "keyring/package.json", `keyring-${SUFFIX}`, `keyring-${SUFFIX}/${FILE}`])(
    "is not taken where %s is another user's",
    (name) => {
      const folder = path.join(root, "node_modules");
      const own = putOwn(path.join(folder, "assume-mfa"));
      putBoth(folder);
      chownSync(path.join(folder, "@napi-rs", name), 12_345, 12_345);
      expect(findKeychainPackage(own)).toBeUndefined();
    },
  );
});
