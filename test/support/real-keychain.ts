import { type ChildProcessWithoutNullStreams, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const PROGRAMS = ["gnome-keyring-daemon", "dbus-run-session", "dbus-send", "secret-tool"];

/** For `describe.skipIf`, and for the name that then says why. */
export const HAS_KEYCHAIN = PROGRAMS.every((program) => spawnSync("which", [program]).status === 0);
export const KEYCHAIN_LEFT_OUT = HAS_KEYCHAIN
  ? ""
  : " (LEFT OUT, NOT INSTALLED: apt-get install gnome-keyring dbus libsecret-tools)";

export interface RealKeychainOptions {
  /** Whoever is asked to unlock it: nobody can be (at once), or the dialog stays open. */
  readonly dialog?: "none" | "unanswered";
  /** False: a bus on which no keychain answers. */
  readonly hasDaemon?: boolean;
}

/** A gnome-keyring of its own, on a bus of its own, unlocked. */
export interface RealKeychain {
  /** What a program needs to find it. */
  readonly env: { readonly DBUS_SESSION_BUS_ADDRESS: string };
  /** The witness: libsecret's own program. @returns the names of all that `assume-mfa` keeps there */
  names(): readonly string[];
  /** @returns undefined when there is none */
  secret(name: string): string | undefined;
  /** As libsecret's program does them, whatever the bytes. @param extra an attribute more: another entry of the same name */
  remove(name: string): void;
  put(name: string, secret: string | Buffer, extra?: string): void;
  lock(): void;
  /** It stays on the bus and answers nothing. */
  pause(): void;
  resume(): void;
  /** It is gone, and nothing starts it again but `start`. */
  kill(): Promise<void>;
  /** With what was there before, unlocked. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const SCRIPT = `
echo "bus $DBUS_SESSION_BUS_ADDRESS"
while read -r password; do
  printf '%s\\n' "$password" | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
  echo "daemon $!"
done
`;
const PASSWORD = "an unlocked keyring";

/** Ends with this process, however that ends: its standard input does. */
export async function startKeychain({
  dialog = "none",
  hasDaemon = true,
}: RealKeychainOptions = {}): Promise<RealKeychain> {
  const folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-keychain-"));
  const services = path.join(folder, "data", "dbus-1", "services");
  mkdirSync(services, { recursive: true });
  mkdirSync(path.join(folder, "run"), { mode: 0o700 });
  // Nothing of this machine's own is started: neither a second keychain nor a window.
  const service = (name: string, program: string) =>
    writeFileSync(path.join(services, `${name}.service`), `[D-BUS Service]\nName=${name}\nExec=${program}\n`);
  service("org.freedesktop.secrets", "/bin/false");
  // It never becomes the dialog, and goes with the bus.
  service("org.gnome.keyring.SystemPrompter", dialog === "none" ? "/bin/false" : "/usr/bin/dbus-monitor --session");
  const own = {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_DATA_HOME: path.join(folder, "data"),
    XDG_RUNTIME_DIR: path.join(folder, "run"),
    XDG_CACHE_HOME: path.join(folder, "cache"),
  };
  const child = spawn("dbus-run-session", ["--", "sh", "-c", SCRIPT], { env: own });
  child.stderr.resume();
  const close = async () => {
    child.stdin.end();
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise((resolve) => child.once("exit", resolve));
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const lines = readLines(child);
    const address = await lines.next("bus");
    const env = { DBUS_SESSION_BUS_ADDRESS: address };
    const call = (to: string, object: string, ...message: readonly string[]) =>
      execFileSync("dbus-send", ["--session", "--print-reply", `--dest=${to}`, object, ...message], {
        env: { ...own, ...env },
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    const tool = (args: readonly string[], input: string | Buffer = "") =>
      spawnSync("secret-tool", args, { env: { ...own, ...env }, input });
    const isOnBus = () =>
      call(
        "org.freedesktop.DBus",
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus.NameHasOwner",
        "string:org.freedesktop.secrets",
      ).includes("true");
    const secrets = (...message: readonly string[]) =>
      call("org.freedesktop.secrets", "/org/freedesktop/secrets", ...message);
    let daemon: number | undefined;
    const start = async () => {
      child.stdin.write(`${PASSWORD}\n`);
      daemon = Number(await lines.next("daemon"));
      await until(isOnBus);
      await until(() => /collection/.test(secrets("org.freedesktop.Secret.Service.ReadAlias", "string:default")));
    };
    if (hasDaemon) await start();
    const signal = (name: NodeJS.Signals) => process.kill(daemon as number, name);
    let isPaused = false;
    return {
      env,
      names: () => {
        const found = tool(["search", "--all", "service", "assume-mfa"]);
        // The secrets on one stream, the attributes on the other.
        return [...`${found.stderr}${found.stdout}`.matchAll(/^attribute\.username = (.*)$/gm)].map(
          ([, name]) => name as string,
        );
      },
      secret(name) {
        const found = tool(["lookup", "service", "assume-mfa", "username", name]);
        return found.status === 0 ? found.stdout.toString("utf8") : undefined;
      },
      remove: (name) => void tool(["clear", "service", "assume-mfa", "username", name]),
      put(name, secret, extra) {
        const attributes = [
          "service",
          "assume-mfa",
          "username",
          name,
          ...(extra === undefined ? [] : ["extra", extra]),
        ];
        const { status, stderr } = tool(["store", "--label=a test's", ...attributes], secret);
        if (status !== 0) throw new Error(`secret-tool ended with ${status}: ${stderr}`);
      },
      lock: () =>
        void secrets("org.freedesktop.Secret.Service.Lock", "array:objpath:/org/freedesktop/secrets/collection/login"),
      pause() {
        isPaused = true;
        signal("SIGSTOP");
      },
      resume() {
        isPaused = false;
        signal("SIGCONT");
      },
      async kill() {
        signal("SIGKILL");
        await until(() => !isOnBus());
      },
      start,
      async close() {
        if (isPaused) signal("SIGCONT");
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Its lines by their first word, in turn. @throws Error when it ends before */
function readLines(child: ChildProcessWithoutNullStreams) {
  let text = "";
  let end: Error | undefined;
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  child.on("error", (error) => {
    end = error;
  });
  child.on("exit", (status) => {
    end = new Error(`dbus-run-session ended with ${status}`);
  });
  return {
    async next(word: string): Promise<string> {
      let found: RegExpExecArray | null = null;
      await until(() => {
        if (end !== undefined) throw end;
        found = new RegExp(`^${word} (.+)\\n`, "m").exec(text);
        return found !== null;
      });
      const [line, rest] = found as unknown as readonly [string, string];
      text = text.replace(line, "");
      return rest;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  for (;;) {
    try {
      if (condition()) return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    if (performance.now() > end) throw new Error(`never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
