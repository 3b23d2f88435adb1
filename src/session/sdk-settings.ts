// What @aws-sdk/credential-providers takes from the process and from files alone. Edge file: node:fs, node:os,
// node:process. Rules: the process's variables are one for all targets that are at work at once, so whoever needs others
// waits until nobody works with the present ones any more, work that ran out of its time included; they are as before
// afterwards. The one file that is written holds no secret, in a folder of its own, which goes when the work ends; one that
// a killed run left goes with the next.
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";

/** Its options `profile`, `configFilepath` and `filepath`. */
export interface ConfigFiles {
  readonly profile: string;
  readonly configFilepath: string;
  readonly filepath: string;
}

/** The profile to write into the configuration. */
export const OWN_PROFILE = "source";

const FOLDER_PREFIX = "assume-mfa-source-";
const FOLDER_NAME = /^assume-mfa-source-\w{6}$/;
const LEFT_BEHIND_MS = 3_600_000;

/**
 * Runs work with a configuration file of ours.
 * @param text without a secret
 */
export async function withConfigFile<T>(text: string, work: (files: ConfigFiles) => Promise<T>): Promise<T> {
  const parent = tmpdir();
  const folder = mkdtempSync(path.join(parent, FOLDER_PREFIX));
  try {
    sweepLeftBehind(parent, statSync(folder).mtimeMs);
    const configFilepath = path.join(folder, "config");
    writeFileSync(configFilepath, text, { mode: 0o600 });
    return await work({ profile: OWN_PROFILE, configFilepath, filepath: path.join(folder, "credentials") });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param now of the file system's clock, which the folders were dated by */
function sweepLeftBehind(parent: string, now: number): void {
  try {
    for (const name of readdirSync(parent)) {
      if (!FOLDER_NAME.test(name)) continue;
      const folder = path.join(parent, name);
      const stats = lstatSync(folder, { throwIfNoEntry: false });
      const isOurs = stats?.isDirectory() === true && stats.uid === (process.getuid?.() ?? stats.uid);
      if (isOurs && now - stats.mtimeMs > LEFT_BEHIND_MS) rmSync(folder, { recursive: true, force: true });
    }
  } catch {
    // Others' litter is no reason to fail.
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

interface Holding {
  readonly key: string;
  readonly before: Variables;
  readonly ended: Promise<void>;
  readonly end: () => void;
  users: number;
}
let holding: Holding | undefined;

/**
 * Runs work while variables of this process are as it wants them (undefined: not set). Work that wants the same runs at
 * the same time.
 * @param work settles only when nothing reads the variables any more
 */
export async function withVariables<T>(variables: Variables, work: () => Promise<T>): Promise<T> {
  const key = JSON.stringify(Object.entries(variables).map(([name, value]) => [name, value ?? null]));
  while (holding !== undefined && holding.key !== key) await holding.ended;
  const mine = holding ?? hold(key, variables);
  holding = mine;
  mine.users += 1;
  try {
    return await work();
  } finally {
    mine.users -= 1;
    if (mine.users === 0) {
      setVariables(mine.before);
      holding = undefined;
      mine.end();
    }
  }
}

function hold(key: string, variables: Variables): Holding {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  setVariables(variables);
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { key, before, ended, end: () => end(), users: 0 };
}

function setVariables(variables: Variables): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
