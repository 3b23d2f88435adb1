import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  bareEnvironment,
  type Environment,
  linkPrograms,
  run,
  runProgram,
  SIGNAL_NUMBERS,
  until,
} from "./built-program.ts";
import { HANG_UP_MS, KEYS, PseudoTerminal, SLOW } from "./pseudo-terminal.ts";

// `sandbox run` and `sandbox start` as processes: the child's status, words and signals as they are, and nothing left
// behind (CLI.md, "Sandbox"; ACCEPTANCE.md P3 to P5).

/** A machine with nothing on it. */
class Machine {
  readonly root = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
  /** The folder for temporary files: a sandbox's home lies there while it runs. */
  readonly temporary = this.#folder("tmp");
  readonly cwd = this.#folder("cwd");
  readonly env: Environment;

  constructor(onTestFinished: (tidy: () => void) => void) {
    const PATH = linkPrograms(join(this.root, "programs"));
    this.env = { ...bareEnvironment(), PATH, HOME: this.#folder("home"), TMPDIR: this.temporary };
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }));
  }

  #folder(name: string): string {
    const path = join(this.root, name);
    mkdirSync(path);
    return path;
  }

  sandboxRun(
    command: readonly string[],
    options: { env?: Environment; input?: string; onStart?: (child: ChildProcess) => void } = {},
  ) {
    return runProgram(["sandbox", "run", ...command], {
      ...options,
      env: { ...this.env, ...options.env },
      cwd: this.cwd,
    });
  }

  script(text: string) {
    return run(["bash", "--noprofile", "--norc", "-c", text], { env: this.env, cwd: this.cwd });
  }

  /** What sandboxes left behind. */
  left(): readonly string[] {
    return readdirSync(this.temporary);
  }
}

describe.concurrent("sandbox run", () => {
  it("returns every status of its command", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const statuses = [0, 1, 2, 42, 125, 126, 127, 128, 130, 200, 255];
    const seen = await inThrees(statuses, (status) => machine.sandboxRun(["--", "sh", "-c", `exit ${status}`]));
    expect(seen.map(({ status }) => status)).toEqual(statuses);
    expect(machine.left()).toEqual([]);
  });

  it("returns 128 + n when signal n ended its command", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const signals = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGPIPE", "SIGTERM"];
    const seen = await inThrees(signals, (name) =>
      machine.sandboxRun(["sh", "-c", `ulimit -c 0; kill -${name.slice(3)} $$`]),
    );
    expect(seen.map(({ status }) => status)).toEqual(signals.map((name) => 128 + (SIGNAL_NUMBERS[name] ?? 0)));
    expect(machine.left()).toEqual([]);
  });

  it("is 127 for what is not there and 126 for what can't be run, and says so", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    writeFileSync(join(machine.cwd, "no-program"), "text\n", { mode: 0o644 });
    const [missing, refused, folder] = await inThrees(["./nobody", "./no-program", "/"], (file) =>
      machine.sandboxRun(["--", file]),
    );
    expect([missing?.status, refused?.status, folder?.status]).toEqual([127, 126, 126]);
    expect(missing?.stderr).toContain("assume-mfa: error: ./nobody: command not found");
    expect(refused?.stderr).toContain("assume-mfa: error: ./no-program: permission denied");
    expect(machine.left()).toEqual([]);
  });

  it("is 125 when no sandbox could be started, and runs nothing", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const onPort = await machine.sandboxRun(["--port", String(port), "--", "touch", "ran"]);
    const onFolder = await machine.sandboxRun(["touch", "ran"], { env: { TMPDIR: "/proc/nobody" } });
    for (const { status, stdout, stderr } of [onPort, onFolder]) {
      expect({ status, stdout }).toEqual({ status: 125, stdout: "" });
      expect(stderr).toMatch(/^assume-mfa: error: .*\nassume-mfa: hint: .*\n$/);
    }
    expect(readdirSync(machine.cwd)).toEqual([]);
    expect(machine.left()).toEqual([]);
  });

  it("hands the command's words over byte by byte", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const words = [
      "",
      " ",
      "a b",
      "'",
      '"',
      "\\",
      "$HOME `id` $(id)",
      "new\nline",
      "--",
      "-x",
      "--port",
      "*",
      "é\u{1f600}",
      "x".repeat(100_000),
    ];
    const print = ["sh", "-c", 'printf "%s\\0" "$@"', "sh"];
    const { status, stdout } = await machine.sandboxRun(["--", ...print, ...words]);
    expect(status).toBe(0);
    expect(stdout.split("\0").slice(0, -1)).toEqual(words);
    // Without the first `--`, which is ours.
    const bare = await machine.sandboxRun([...print, "--port", "--", "-q"]);
    expect(bare.stdout.split("\0").slice(0, -1)).toEqual(["--port", "--", "-q"]);
  });

  it("hands standard input and output over, whatever is in them", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const { stdout } = await machine.script(
      "head -c 20000000 /dev/urandom > given; assume-mfa sandbox run -- cat < given 2>/dev/null | cmp - given && echo same",
    );
    expect(stdout).toBe("same\n");
  });

  it("drops the caller's AWS settings and keeps the rest", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const { stdout } = await machine.sandboxRun(["env", "-0"], {
      env: {
        AWS_PROFILE: "work",
        AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
        AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1",
        AWS_CA_BUNDLE: "/nowhere",
        ASSUME_MFA_TOKEN_CODE: "123456",
        MINE: "kept",
      },
    });
    const seen = new Map(stdout.split("\0").map((line) => line.split(/=(.*)/s) as [string, string]));
    expect([...seen.keys()].filter((name) => /^(?:AWS|ASSUME_MFA)_/.test(name)).sort()).toEqual([
      "ASSUME_MFA_SANDBOX",
      "AWS_CONFIG_FILE",
      "AWS_EC2_METADATA_DISABLED",
      "AWS_ENDPOINT_URL",
      "AWS_SHARED_CREDENTIALS_FILE",
    ]);
    expect(seen.get("MINE")).toBe("kept");
    expect(seen.get("HOME")).toBe(machine.env.HOME);
    expect(seen.get("PATH")).toBe(machine.env.PATH);
  });

  it("passes every signal that it gets alone on to its command, once", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const signals = ["SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
    const heard = () => readFileSync(join(machine.cwd, "heard"), "utf8").split("\n").slice(0, -1);
    writeFileSync(join(machine.cwd, "heard"), "");
    const traps = signals.map((name) => `trap 'echo ${name} >> heard' ${name.slice(3)}`).join("; ");
    let sending: Promise<void> | undefined;
    const running = machine.sandboxRun(
      ["bash", "-c", `${traps}; echo ready >> heard; until [ -e stop ]; do sleep 0.02; done; sleep 0.1; exit 7`],
      {
        onStart(child) {
          sending = (async () => {
            await until("the command is ready", () => heard().includes("ready"));
            for (const [index, name] of signals.entries()) {
              child.kill(name);
              await until(`${name} is heard`, () => heard().length > index + 1);
            }
            writeFileSync(join(machine.cwd, "stop"), "");
          })();
        },
      },
    );
    await sending;
    expect((await running).status).toBe(7);
    expect(heard()).toEqual(["ready", ...signals]);
    expect(machine.left()).toEqual([]);
  });

  it("leaves the terminal's keys to its command, and stops and goes on with it", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const terminal = new PseudoTerminal(
      `set -m
       assume-mfa sandbox run -- bash child
       echo "<stopped $?>"; fg; echo "<done $?>"`,
      { env: machine.env, cwd: machine.cwd },
    );
    onTestFinished(() => terminal.close());
    writeFileSync(
      join(machine.cwd, "child"),
      `trap "echo heard INT" INT; trap "echo heard QUIT" QUIT
       echo ready; until [ -e stop ]; do sleep 0.05; done; exit 7`,
    );
    await terminal.waitFor(/ready/);
    terminal.type(KEYS.interrupt);
    await terminal.waitFor(/heard INT/);
    terminal.type(KEYS.quit);
    await terminal.waitFor(/heard QUIT/);
    terminal.type(KEYS.suspend);
    await terminal.waitFor(/<stopped 148>/);
    writeFileSync(join(machine.cwd, "stop"), "");
    await terminal.waitFor(/<done 7>/);
    expect(terminal.output.match(/heard INT/g)).toHaveLength(1);
    expect(terminal.output.match(/heard QUIT/g)).toHaveLength(1);
    expect(machine.left()).toEqual([]);
  });

  it("is ended by Ctrl-C together with a command that does not mind it", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const terminal = new PseudoTerminal("assume-mfa sandbox run -- sh -c 'echo ready; exec sleep 20'", {
      env: machine.env,
      cwd: machine.cwd,
    });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/ready/);
    terminal.type(KEYS.interrupt);
    expect(await terminal.status()).toBe(130);
    expect(machine.left()).toEqual([]);
  });
});

describe.concurrent("sandbox start", () => {
  it("prints lines that work in another shell, whatever that had set", async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    const { status, stdout, stderr } = await machine.script(`
      assume-mfa sandbox start > lines 2> said & sandbox=$!
      until [ -s said ]; do sleep 0.02; done
      export AWS_PROFILE=work AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=x
      set -eu
      eval "$(cat lines)"
      assume-mfa dev login -o text --token-code "$(assume-mfa sandbox code)" 2>/dev/null
      assume-mfa dev tables -o text 2>/dev/null
      kill -TERM $sandbox
      set +e; wait $sandbox; echo "ended $?"; ls -A $TMPDIR`);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^\S+\t222222222222\t.*\norders\n[\s\S]*\nended 143\n$/);
    expect(status).toBe(0);
  });

  it.for(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const)(
    "leaves nothing behind after %s",
    async (name, { onTestFinished }) => {
      const machine = new Machine(onTestFinished);
      const { status, stdout, stderr } = await runProgram(["sandbox", "start"], {
        env: machine.env,
        onStart(child) {
          child.stdout?.on("data", () => child.kill(name));
        },
      });
      expect(status).toBe(128 + (SIGNAL_NUMBERS[name] ?? 0));
      expect(stdout).toContain("export ASSUME_MFA_SANDBOX='http://127.0.0.1:");
      expect(stderr).toMatch(/^(?:assume-mfa: .*\n)+$/);
      expect(machine.left()).toEqual([]);
    },
  );

  it("leaves nothing behind after Ctrl-C, or when its window is closed", SLOW, async ({ onTestFinished }) => {
    const machine = new Machine(onTestFinished);
    for (const way of ["Ctrl-C", "window"]) {
      const terminal = new PseudoTerminal("assume-mfa sandbox start", { env: machine.env });
      onTestFinished(() => terminal.close());
      await terminal.waitFor(/Ctrl-C stops it/);
      expect(machine.left()).toHaveLength(1);
      if (way === "window") {
        terminal.hangUp();
        await until("nothing is left", () => machine.left().length === 0, HANG_UP_MS);
      } else {
        terminal.type(KEYS.interrupt);
        expect(await terminal.status()).toBe(130);
        expect(machine.left()).toEqual([]);
      }
    }
  });
});

/** Three at a time: one after the other would be slow, all at once would slow down every other test. */
async function inThrees<T, Result>(
  items: readonly T[],
  work: (item: T) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < items.length; first += 3) {
    results.push(...(await Promise.all(items.slice(first, first + 3).map(work))));
  }
  return results;
}
