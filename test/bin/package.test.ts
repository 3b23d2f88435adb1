import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bareEnvironment, type Environment, PROJECT_FOLDER, run } from "./built-program.ts";

// What is published: packed, and installed on a machine without a network (ACCEPTANCE.md B8, S1, S5).

const SIZE_LIMIT_BYTES = 1.5 * 1024 * 1024;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly version: string;
  readonly files: readonly { readonly path: string; readonly size: number; readonly mode: number }[];
}

let folder: string;
let env: Environment;
let packed: Packed;
let installed: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
  for (const name of ["home", "elsewhere", "tmp"]) mkdirSync(join(folder, name));
  env = {
    ...bareEnvironment(),
    HOME: join(folder, "home"),
    TMPDIR: join(folder, "tmp"),
    npm_config_update_notifier: "false",
  };
  const pack = await run(["npm", "pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    env,
    cwd: PROJECT_FOLDER,
    timeoutMs: 30_000,
  });
  if (pack.status !== 0) throw new Error(`npm pack ended with ${pack.status}: ${pack.stderr}`);
  packed = (JSON.parse(pack.stdout) as readonly Packed[])[0] as Packed;
  const install = await run(
    ["npm", "install", "--ignore-scripts", "--offline", "--no-audit", "--no-fund", join(folder, packed.filename)],
    { env, cwd: join(folder, "elsewhere"), timeoutMs: 30_000 },
  );
  if (install.status !== 0) throw new Error(`npm install ended with ${install.status}: ${install.stderr}`);
  installed = join(folder, "elsewhere", "node_modules");
}, 60_000);

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const packageJson = () =>
  JSON.parse(readFileSync(join(installed, "assume-mfa", "package.json"), "utf8")) as {
    readonly scripts?: Readonly<Record<string, string>>;
    readonly dependencies?: unknown;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
    readonly version: string;
    readonly engines: { readonly node: string };
  };

describe("the tarball", () => {
  it("holds what an installation needs, and nothing else", () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => !/^(?:bin|dist)\//.test(path)).sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "package.json",
    ]);
    expect(paths.filter((path) => path.startsWith("bin/")).sort()).toEqual(["bin/assume-mfa.js", "bin/package.json"]);
    const dist = paths.filter((path) => path.startsWith("dist/"));
    expect(dist.filter((path) => !/^dist\/(?:[\w-]+\.cjs|THIRD_PARTY_NOTICES\.txt)$/.test(path))).toEqual([]);
    expect(dist).toEqual(expect.arrayContaining(["dist/start.cjs", "dist/THIRD_PARTY_NOTICES.txt"]));
  });

  it("is small", () => {
    expect(packed.size).toBeGreaterThan(100_000);
    expect(packed.size).toBeLessThanOrEqual(SIZE_LIMIT_BYTES);
  });

  it("runs nothing when it is installed, and needs no other package", () => {
    const { scripts = {}, dependencies, optionalDependencies = {} } = packageJson();
    const hooks = ["preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare"];
    expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([]);
    expect(dependencies).toBeUndefined();
    expect(Object.entries(optionalDependencies).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(readdirSync(installed).filter((name) => !name.startsWith("."))).toEqual(["assume-mfa"]);
  });

  it("names no folder of the machine that built it, and has no source maps", () => {
    const dist = join(installed, "assume-mfa", "dist");
    const texts = readdirSync(dist).map((name) => ({ name, text: readFileSync(join(dist, name), "utf8") }));
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.filter(({ text }) => text.includes(PROJECT_FOLDER)).map(({ name }) => name)).toEqual([]);
    expect(texts.filter(({ text }) => /sourceMappingURL/.test(text)).map(({ name }) => name)).toEqual([]);
  });
});

describe("installed", () => {
  const command = () => join(installed, ".bin", "assume-mfa");

  it("is a command that knows its version", async () => {
    expect(lstatSync(command()).isSymbolicLink()).toBe(true);
    const { status, stdout, stderr } = await run([command(), "--version"], { env, cwd: join(folder, "elsewhere") });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${packageJson().version}\n`, stderr: "" });
    expect(packed.version).toBe(packageJson().version);
  });

  it("does without the optional package of the keychain, and says so", async () => {
    const { status, stdout, stderr } = await run([command(), "mfa", "store", "--serial-number", "GAHT12345678"], {
      env: { ...env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" },
      cwd: join(folder, "elsewhere"),
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(/error: there is no keychain: the package @napi-rs\/keyring is not installed\n/);
  });

  it.each<[string, (folder: string) => { readonly into: string; readonly env?: Environment }]>([
    ["a folder further up", (folder) => ({ into: join(folder, "node_modules") })],
    ["NODE_PATH", (folder) => ({ into: join(folder, "path"), env: { NODE_PATH: join(folder, "path") } })],
    ["~/.node_modules", (folder) => ({ into: join(folder, "home", ".node_modules") })],
    ["~/.node_libraries", (folder) => ({ into: join(folder, "home", ".node_libraries") })],
  ])("loads nobody else's package in its place, from %s", async (_where, place) => {
    const { into, env: more = {} } = place(folder);
    const loaded = join(folder, "loaded");
    const real = join(PROJECT_FOLDER, "node_modules", "@napi-rs");
    cpSync(real, join(into, "@napi-rs"), { recursive: true });
    const plant = `require("node:fs").writeFileSync(${JSON.stringify(loaded)}, "")`;
    writeFileSync(join(into, "@napi-rs", "keyring", "index.js"), plant);
    try {
      const { status, stderr } = await run([command(), "mfa", "store", "--serial-number", "GAHT12345678"], {
        env: { ...env, ...more, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" },
        cwd: join(folder, "elsewhere"),
      });
      expect(existsSync(loaded)).toBe(false);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringContaining("the package @napi-rs/keyring is not installed\n"),
      });
    } finally {
      for (const left of [into, loaded]) rmSync(left, { recursive: true, force: true });
    }
  });

  it("loads the optional package where npm installs it", async () => {
    const scope = join(installed, "@napi-rs");
    cpSync(join(PROJECT_FOLDER, "node_modules", "@napi-rs"), scope, { recursive: true });
    try {
      const { stderr } = await run([command(), "mfa", "store", "--serial-number", "GAHT12345678"], {
        env: { ...env, DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" },
        cwd: join(folder, "elsewhere"),
      });
      expect(stderr).toMatch(/error: there is no keychain: none answers on this session's D-Bus\n/);
    } finally {
      rmSync(scope, { recursive: true });
    }
  });

  it("does the main job in its sandbox", async () => {
    const { status, stdout, elapsedMs } = await run([command(), "sandbox", "demo"], {
      env,
      cwd: join(folder, "elsewhere"),
    });
    expect(stdout.match(/✓/g)).toHaveLength(7);
    expect(status).toBe(0);
    expect(elapsedMs).toBeLessThan(10_000);
    expect(readdirSync(join(folder, "home")).filter((name) => name !== ".npm")).toEqual([]);
    expect(readdirSync(join(folder, "tmp")).filter((name) => name.startsWith("assume-mfa"))).toEqual([]);
  });
});
