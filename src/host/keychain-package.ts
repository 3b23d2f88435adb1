// Where the keychain's optional package lies. Edge file: node:fs, process. Rules: Node's own search is not used. It goes up
// to `/` and on to NODE_PATH, ~/.node_modules and ~/.node_libraries, and where npm left the package out, whoever can write
// in one of those (/tmp/node_modules, C:\node_modules) would be handed every secret. So: our own node_modules folder, or
// the one that this program lies in; of the pinned version; and nothing that somebody may write who may not write this
// very program. The binary is found the same way and loaded by its path, past the package's own search for it.
import fs from "node:fs";
import path from "node:path";

const PACKAGE = "@napi-rs/keyring";
const OWN_NAME = "assume-mfa";
/** From dist/ it is one folder up, from src/host/ two. */
const OWN_DEPTH = 2;

/** @returns undefined: it is not installed, or nothing that may be trusted is */
export function findKeychainPackage(ownFile: string): string | undefined {
  try {
    const own = findOwn(ownFile);
    if (own === undefined) return undefined;
    const ours = [path.join(own.folder, "node_modules"), ...folderAround(own.folder)];
    const main = findPackage(PACKAGE, ours, own);
    if (main === undefined) return undefined;
    // Beside it, as npm and pnpm put it, or in one of the folders of its own.
    const scope = path.dirname(main);
    const near = [path.dirname(scope), path.join(main, "node_modules"), ...ours];
    for (const suffix of binarySuffixes()) {
      const folder = findPackage(`${PACKAGE}-${suffix}`, near, own);
      const binary = folder && path.join(folder, `keyring.${suffix}.node`);
      if (binary && isTrusted(fs.lstatSync(binary, { throwIfNoEntry: false }), own, "file")) return binary;
    }
  } catch {
    // Folders that can't be looked into: none of ours.
  }
  return undefined;
}

interface Own {
  readonly folder: string;
  /** Of the package, exactly. */
  readonly version: string;
  readonly status: fs.Stats;
}

function findOwn(ownFile: string): Own | undefined {
  let folder = path.dirname(fs.realpathSync(ownFile));
  for (let depth = 0; depth < OWN_DEPTH; depth += 1) {
    folder = path.dirname(folder);
    const manifest = readManifest(folder);
    if (manifest?.name !== OWN_NAME) continue;
    const version = manifest.optionalDependencies?.[PACKAGE];
    return typeof version === "string" ? { folder, version, status: fs.statSync(folder) } : undefined;
  }
  return undefined;
}

function folderAround(folder: string): readonly string[] {
  const around = path.dirname(folder);
  return path.basename(around) === "node_modules" ? [around] : [];
}

/** @returns its real folder */
function findPackage(name: string, folders: readonly string[], own: Own): string | undefined {
  for (const each of folders) {
    const linked = path.join(each, name);
    if (fs.lstatSync(linked, { throwIfNoEntry: false }) === undefined) continue;
    // pnpm's are links into its store. The folders above count too: who may write there may put another in its place.
    const folder = fs.realpathSync(linked);
    const above = [each, path.dirname(linked), path.dirname(folder), path.dirname(path.dirname(folder)), folder];
    if (!above.every((one) => isTrusted(fs.statSync(one), own, "folder"))) continue;
    if (!isTrusted(fs.lstatSync(path.join(folder, "package.json"), { throwIfNoEntry: false }), own, "file")) continue;
    const manifest = readManifest(folder);
    if (manifest?.name === name && manifest.version === own.version) return folder;
  }
  return undefined;
}

/** Whoever owns this program's folder, or shares its group where that may write, could change this program itself. */
function isTrusted(status: fs.Stats | undefined, own: Own, kind: "file" | "folder"): boolean {
  if (status === undefined || !(kind === "file" ? status.isFile() : status.isDirectory())) return false;
  if (process.getuid === undefined) return true;
  if (![0, process.getuid(), own.status.uid].includes(status.uid) || (status.mode & 0o002) !== 0) return false;
  // umask 002, many systems' default, leaves all that npm writes open to the user's own group.
  const isOpenToGroup = (status.mode & 0o020) !== 0;
  return !isOpenToGroup || ((own.status.mode & 0o020) !== 0 && status.gid === own.status.gid);
}

interface Manifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly optionalDependencies?: Readonly<Record<string, unknown>>;
}

function readManifest(folder: string): Manifest | undefined {
  try {
    const manifest: unknown = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
    return typeof manifest === "object" && manifest !== null ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** The platforms that the package is published for, by its own names; older npm installs those of both C libraries. */
function binarySuffixes(): readonly string[] {
  const { platform, arch } = process;
  if (platform === "win32") return [`win32-${arch}-msvc`];
  if (platform !== "linux") return [`${platform}-${arch}`];
  if (arch === "arm") return ["linux-arm-gnueabihf"];
  return [`linux-${arch}-${isGlibc() ? "gnu" : "musl"}`];
}

function isGlibc(): boolean {
  const { report } = process as unknown as { report: { excludeNetwork?: boolean; getReport(): unknown } };
  report.excludeNetwork = true; // it would look up the names of whom we are connected to
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: unknown } };
  return header?.glibcVersionRuntime !== undefined;
}
