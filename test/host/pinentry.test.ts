import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AssumeMfaError, InterruptedError } from "../../src/errors.ts";
import type { Environment } from "../../src/host/host.ts";
import { makePinentry, PINENTRY_LIMITS } from "../../src/host/pinentry.ts";
import { type PinentryLimits, PinentryProcess } from "../../src/host/pinentry-process.ts";
import { isRunning, until } from "../support/processes.ts";

// Servers of the protocol that do what no good one does, and what a good one may. The real ones, on a real terminal, are
// met by test/bin/pinentry.test.ts.

const root = mkdtempSync(path.join(tmpdir(), "assume-mfa-pinentry-"));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Short where it is the limit that ends it: a machine that has much else to do takes its time. */
function limitsFor(message: RegExp): PinentryLimits {
  const limits = { ...PINENTRY_LIMITS, endMs: 100 };
  if (message.source.includes("nothing for")) return { ...limits, replyMs: 1_000 };
  return message.source.includes("no answer in 1") ? { ...limits, answerMs: 1_200 } : limits;
}
/** As a desktop has it. */
const SEEN = { WAYLAND_DISPLAY: "wayland-1" };

interface Installed {
  readonly folder: string;
  readonly PATH: string;
  /** The lines that it was sent, all runs together. */
  sent(): readonly string[];
  /** Process ids that it wrote down by `note_pid`. */
  pids(): readonly number[];
}

/** @param script for `sh`, after a greeting unless it has its own: `answer` sends OK to all but what it is told */
function install(script: string, name = "pinentry"): Installed {
  folders += 1;
  const folder = path.join(root, `${folders}`);
  mkdirSync(folder);
  const file = path.join(folder, name);
  writeFileSync(
    file,
    `#!/bin/sh
cd ${folder}
note_pid() { echo "$1" >> pids; }
note_pid $$
hear() { read -r line && echo "$line" >> sent; }
ok_until() { while hear; do case "$line" in $1) return;; esac; echo OK; done; exit 1; }
${script}
`,
  );
  chmodSync(file, 0o755);
  const linesOf = (which: string) =>
    existsSync(path.join(folder, which)) ? readFileSync(path.join(folder, which), "utf8").trimEnd().split("\n") : [];
  return {
    folder,
    PATH: `${folder}:${process.env.PATH}`,
    sent: () => linesOf("sent"),
    pids: () => linesOf("pids").map(Number),
  };
}

const GOOD = (answer: string) => `echo OK hello
while hear; do
  case "$line" in
    GETPIN) ${answer} ;;
    BYE) echo OK closing; exit ;;
    *) echo OK ;;
  esac
done`;

function openTerminal(
  { PATH }: Installed,
  env: Environment = {},
  signal = new AbortController().signal,
  limits = PINENTRY_LIMITS,
) {
  const terminal = makePinentry({ ...SEEN, ...env, PATH }, "linux", { signal }, limits).open();
  if (terminal === undefined) throw new Error("no pinentry was found");
  return terminal;
}

async function ask(installed: Installed, env: Environment = {}, limits = PINENTRY_LIMITS): Promise<string | undefined> {
  const terminal = openTerminal(installed, env, undefined, limits);
  try {
    return await terminal.askLine("MFA code for dev: ", { label: "MFA code" });
  } finally {
    terminal.close();
  }
}

async function failureOf(asked: Promise<unknown>): Promise<AssumeMfaError> {
  const error = await asked.then(
    (answer) => new Error(`it was answered: ${answer}`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AssumeMfaError);
  return error as AssumeMfaError;
}

describe.concurrent("a server that does what none should", () => {
  it.each<readonly [what: string, script: string, message: RegExp]>([
    ["says nothing", "sleep 20 & note_pid $!; wait", /said nothing for 1 s/],
    ["greets with a refusal", "echo ERR 67108922 busy; sleep 20", /refuses to serve/],
    ["says OK without end", "while :; do printf 'OK\\nOK\\nOK\\n'; done", /answered what it was not asked/],
    ["never ends a line", "long=$(printf %01000d 7); while :; do printf $long; done", /said more than 65536 bytes/],
    [
      "comments without end",
      'long=$(printf %01000d 7); while :; do echo "# $long"; done',
      /said more than 65536 bytes/,
    ],
    ["speaks another language", "echo 220 smtp.example.com; sleep 20", /does not speak the Assuan protocol/],
    ["ends at once", "exit 0", /ended without an answer/],
    ["ends after its greeting", "echo OK; exit 3", /ended without an answer/],
    ["dies before the question", "echo OK; ok_until 'SETDESC*'; kill -9 $$", /ended without an answer/],
    ["dies at the question", "echo OK; ok_until GETPIN; kill -9 $$", /ended without an answer/],
    [
      "dies within its answer",
      "echo OK; ok_until GETPIN; printf 'D 987654\\nO'; kill -9 $$",
      /ended without an answer/,
    ],
    ["hangs after its greeting", "echo OK; sleep 20 & note_pid $!; wait", /said nothing for 1 s/],
    ["leaves the pipe to another", "echo OK; sleep 20 & note_pid $!; exit", /ended without an answer/],
    ["gets no answer", "echo OK; ok_until GETPIN; sleep 20", /got no answer in 1\.2 s/],
    ["half answers", "echo OK; ok_until GETPIN; printf 'D 987654'; sleep 20", /got no answer in 1\.2 s/],
    [
      "will not go",
      "trap '' INT TERM HUP; echo OK; ok_until GETPIN; while :; do sleep 1; done",
      /got no answer in 1\.2 s/,
    ],
    [
      "takes no description",
      "echo OK; ok_until 'SETDESC*'; echo ERR 83886340 no; sleep 20",
      /can't be told what to ask/,
    ],
    [
      "has no screen",
      "echo OK; ok_until GETPIN; echo ERR 83918950 Inappropriate ioctl; sleep 20",
      /has no terminal and no/,
    ],
    [
      "has no such terminal",
      "echo OK; ok_until GETPIN; echo ERR 83918929 No such file; sleep 20",
      /has no terminal and no/,
    ],
    [
      "can't ask",
      "echo OK; ok_until GETPIN; echo ERR 83886340 987654; sleep 20",
      /can't ask \(error 260 of libgpg-error\)/,
    ],
    ["fails without a number", "echo OK; ok_until GETPIN; echo ERR 987654x; sleep 20", /can't ask \(error \d+ of/],
    ["has its own limit", "echo OK; ok_until GETPIN; echo ERR 83886142 Timeout; sleep 20", /got no answer in time/],
    [
      "has too small a window for any question",
      "echo OK; ok_until GETPIN; echo ERR 83886381; hear",
      /window is too small/,
    ],
    [
      "inquires without end",
      "long=$(printf %01000d 7); echo OK; ok_until GETPIN; while :; do echo INQUIRE $long; hear; done",
      /said more than 65536 bytes/,
    ],
    [
      "answers before the question",
      "echo OK; ok_until 'SETDESC*'; printf 'OK\\nD 987654\\nOK\\n'; sleep 20",
      /answered what it was/,
    ],
    ["can't be run", "", /can't be run/],
  ])("%s: one error, and it is gone with all that it started", async (what, script, message) => {
    const installed = install(script);
    if (what === "can't be run") writeFileSync(path.join(installed.folder, "pinentry"), "#!/nonexistent/interpreter\n");
    const error = await failureOf(ask(installed, {}, limitsFor(message)));
    expect(error.code).toBe("PINENTRY_FAILED");
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(/^nobody could be asked: pinentry /);
    expect(error.message).toMatch(message);
    // What it said may be what was typed.
    const shown = [error.message, ...error.hints, JSON.stringify(error.details ?? null)].join("\n");
    expect(shown).not.toContain("987654");
    expect(error.message).not.toContain("\n");
    if (what !== "can't be run") expect(installed.pids().length).toBeGreaterThan(0);
    await until("it is gone", () => !installed.pids().some(isRunning), 1_000);
  });
});

describe.concurrent("an answer", () => {
  it.each<readonly [what: string, answer: string, line: string | undefined]>([
    ["as it is", "echo D 123456; echo OK", "123456"],
    ["with escapes", "echo D 12%2534%20; echo OK", "12%34 "],
    [
      "over several lines, among comments and status",
      "printf 'D 12\\n# x\\nS FOO 1\\nD 34\\n\\nD 56\\nOK\\n'",
      "123456",
    ],
    ["in pieces", "printf 'D 12'; sleep 0.05; printf '3456\\nO'; sleep 0.05; printf 'K\\n'", "123456"],
    ["with carriage returns", "printf 'D 123456\\r\\nOK\\r\\n'", "123456"],
    ["of nothing", "echo OK", ""],
    ["of several lines: the first", "echo D 123456%0Ay; echo OK", "123456"],
    ["of an endless line, cut", "printf 'D %05000d\\nOK\\n' 7", "0".repeat(4096)],
    [
      "after a question of its own, which is refused",
      "echo INQUIRE QUALITY; hear; [ $line = CAN ] && { echo D 1; echo OK; }",
      "1",
    ],
    ["cancelled", "echo ERR 83886179 Operation cancelled", undefined],
    ["cancelled, by another source of errors", "echo ERR 99 x", undefined],
    ["cancelled whole", "echo ERR 83886278 Fully cancelled", undefined],
    ["not confirmed", "echo ERR 83886194 Not confirmed", undefined],
  ])("%s", async (_, answer, line) => {
    const installed = install(GOOD(answer));
    expect(await ask(installed)).toBe(line);
    expect(installed.sent().at(-1)).toBe("BYE");
    expect(installed.pids().some(isRunning)).toBe(false);
  });

  it("is had from one that knows the question and nothing else", async () => {
    const installed = install(`echo OK
      while hear; do case "$line" in SETDESC*|BYE) echo OK;; GETPIN) echo D 123456; echo OK;; *) echo ERR 83886355 no;; esac; done`);
    expect(await ask(installed)).toBe("123456");
  });

  it("is had at once, and one that does not go when told is ended", async () => {
    const installed = install(
      `trap '' INT TERM; ${GOOD("echo D 1; echo OK").replace("BYE) echo OK closing; exit", "BYE) sleep 20 & note_pid $!; wait")}`,
    );
    const startedAt = performance.now();
    expect(await ask(installed)).toBe("1");
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await until("it is gone", () => !installed.pids().some(isRunning), 1_000);
  });
});

describe.concurrent("what it is told", () => {
  it("is the question, the field's name, the terminal, and no word about a cache or a grab", async () => {
    const installed = install(GOOD("echo D 123456; echo OK"));
    await ask(installed, { TERM: "xterm-256color", LC_ALL: "", LANG: "de_DE.UTF-8", GPG_TTY: "/dev/null" });
    expect(installed.sent()).toEqual([
      "OPTION no-grab",
      "OPTION ttytype=xterm-256color",
      "OPTION lc-ctype=de_DE.UTF-8",
      "OPTION lc-messages=de_DE.UTF-8",
      "SETTIMEOUT 130",
      "SETTITLE assume-mfa",
      "SETDESC MFA code for dev",
      "SETPROMPT MFA code:",
      "GETPIN",
      "BYE",
    ]);
  });

  it("holds no line of anybody else's, whatever names and variables hold", async () => {
    const installed = install(GOOD("echo D 1; echo OK"));
    const terminal = openTerminal(installed, { TERM: "x\nOPTION allow-external-password-cache", LANG: "a b%0A" });
    terminal.write("50% off\u001b[2J\rpainted over\u202e\nBYE\n");
    await terminal.askLine("really\u0007 %0A?\nOPTION allow-external-password-cache: ", { label: "y/N\nBYE" });
    terminal.close();
    expect(installed.sent()).toEqual([
      "OPTION no-grab",
      "SETTIMEOUT 130",
      "SETTITLE assume-mfa",
      "SETDESC painted over\\u202e%0ABYE%0A%0Areally\\x07 %250A?%0AOPTION allow-external-password-cache",
      "SETPROMPT y/N%0ABYE:",
      "GETPIN",
      "BYE",
    ]);
  });

  it("is what was written before too, also by who closed before another asked; once", async () => {
    const installed = install(GOOD("echo D 1; echo OK"));
    const pinentry = makePinentry({ ...SEEN, PATH: installed.PATH }, "linux", new AbortController());
    const first = pinentry.open();
    first?.write("one\n");
    first?.close();
    const second = pinentry.open();
    second?.write("two\n");
    await second?.askLine("sure? ");
    second?.write("asking AWS…\n");
    await second?.askLine("sure? ", { refusal: "100% wrong" });
    second?.write("asking AWS…\n");
    second?.close();
    const third = pinentry.open();
    await third?.askLine("and this? ", { refusal: "not yet" });
    third?.close();
    expect(installed.sent().filter((line) => /^SET(?:DESC|ERROR)/.test(line))).toEqual([
      "SETDESC one%0Atwo%0A%0Asure?",
      "SETDESC one%0Atwo%0A%0Asure?", // asked again
      "SETERROR 100%25 wrong",
      "SETDESC and this?",
      "SETERROR not yet",
    ]);
  });

  it("fits a line of the protocol: the question whole, what is left out counted", async () => {
    const installed = install(GOOD("echo D 1; echo OK"));
    const terminal = openTerminal(installed);
    terminal.write(Array.from({ length: 200 }, (_, index) => `i-0abc${index} wörker-%${index} running\n`).join(""));
    await terminal.askLine("Terminate 200 instances in dev (account 222222222222)? [y/N] ");
    await terminal.askLine("x".repeat(3_000), { refusal: "é".repeat(2_000) });
    terminal.close();
    const lines = installed.sent();
    expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(1000);
    const [described = ""] = lines.filter((line) => line.startsWith("SETDESC"));
    expect(described).toMatch(/^SETDESC i-0abc0 wörker-%250 running%0Ai-0abc1 /);
    const shown = described.split("%0A").filter((line) => line.includes("i-0abc")).length;
    expect(described).toContain(
      `running%0A… and ${200 - shown} more lines, on standard error%0A%0ATerminate 200 instances in dev (account 222222222222)? [y/N]`,
    );
    expect(lines.find((line) => line.startsWith("SETERROR"))).toMatch(/^SETERROR é+…$/);
  });

  it("is the question alone where the window is too small for more", async () => {
    const installed = install(
      GOOD("if [ -e tried ]; then echo D y; echo OK; else touch tried; echo ERR 83886381 too small; fi"),
    );
    const terminal = openTerminal(installed);
    terminal.write("a\nb\n");
    expect(await terminal.askLine("sure? ")).toBe("y");
    terminal.close();
    expect(installed.sent().filter((line) => line.startsWith("SETDESC"))).toEqual([
      "SETDESC a%0Ab%0A%0Asure?",
      "SETDESC sure?",
    ]);
  });

  it("has nothing of AWS's and ours in its environment, and the rest", async () => {
    const installed = install(GOOD("env > env; echo D 1; echo OK"));
    await ask(installed, {
      AWS_SECRET_ACCESS_KEY: "secret",
      aws_session_token: "secret",
      ASSUME_MFA_TOTP_SECRET: "secret",
      PINENTRY_USER_DATA: "kept",
      HOME: "/home/alice",
    });
    const env = readFileSync(path.join(installed.folder, "env"), "utf8");
    expect(env).not.toMatch(/secret|AWS|ASSUME_MFA/i);
    expect(env).toContain("PINENTRY_USER_DATA=kept\n");
    expect(env).toContain("WAYLAND_DISPLAY=wayland-1\n");
  });
});

describe.concurrent("while it asks", () => {
  it.each(["politely", "stubbornly"])("a signal ends it (it goes %s) and the question", async (how) => {
    const trap = how === "politely" ? "" : "trap '' INT TERM; ";
    const installed = install(`${trap}echo OK; ok_until GETPIN; echo > asked; while :; do sleep 1; done`);
    const controller = new AbortController();
    const terminal = openTerminal(installed, {}, controller.signal);
    const asked = terminal.askLine("sure? ").catch((error: unknown) => error);
    await until("it asks", () => existsSync(path.join(installed.folder, "asked")));
    const reason = new InterruptedError("SIGTERM");
    controller.abort(reason);
    // Already when the abort returns: the process may exit now. What has to be killed dies in its own time.
    if (how === "politely") expect(installed.pids().filter(isRunning)).toEqual([]);
    await until("it is gone", () => !installed.pids().some(isRunning), 1_000);
    expect(await asked).toBe(reason);
    await expect(terminal.askLine("sure? ")).rejects.toBe(reason);
    terminal.close();
    expect(installed.pids()).toHaveLength(1);
  });

  it("whoever closes the conversation ends it", async () => {
    const installed = install("echo OK; ok_until GETPIN; echo > asked; sleep 20 & note_pid $!; wait");
    const terminal = openTerminal(installed, {}, undefined);
    const asked = failureOf(terminal.askLine("sure? "));
    await until("it asks", () => existsSync(path.join(installed.folder, "asked")));
    terminal.close();
    await until("it is gone", () => !installed.pids().some(isRunning), 1_000);
    expect((await asked).code).toBe("PINENTRY_FAILED");
  });

  it("a process that exits takes it along", { timeout: 20_000 }, async () => {
    // Node 20 runs no TypeScript: the worker is bundled first.
    const { rolldown } = await import("rolldown");
    const input = path.resolve("test/host/pinentry-worker.ts");
    const bundle = await rolldown({ input, platform: "node", logLevel: "silent" });
    await bundle.write({ dir: root, entryFileNames: "worker.mjs", format: "esm" });
    const installed = install("trap '' INT; echo OK; ok_until GETPIN; echo > asked; sleep 20 & note_pid $!; wait");
    const asked = path.join(installed.folder, "asked");
    const status = await new Promise((resolve) => {
      const env = { ...SEEN, PATH: installed.PATH };
      spawn(process.execPath, [path.join(root, "worker.mjs"), asked], { env, stdio: "ignore" }).on("exit", resolve);
    });
    expect(status).toBe(7);
    expect(installed.pids().length).toBeGreaterThan(0);
    // They are told to end; on a busy machine that takes them a moment.
    await until("none is left", () => installed.pids().filter(isRunning).length === 0, 5_000);
  });

  it("nothing can be picked", async () => {
    const terminal = openTerminal(install(GOOD("echo OK")));
    expect(terminal.canPick).toBe(false);
    expect((await failureOf(terminal.pick("which?", [{ value: 1, label: "one" }]))).exitCode).toBe(2);
    terminal.close();
  });
});

describe("a pinentry is there", () => {
  const pinentry = install("echo > ran");
  const mac = install("echo > ran", "pinentry-mac");
  const plain = install("echo > ran");
  chmodSync(path.join(plain.folder, "pinentry"), 0o644);
  mkdirSync(path.join(root, "folder", "pinentry"), { recursive: true });

  it.each<readonly [what: string, env: Environment, platform: NodeJS.Platform, isThere: boolean]>([
    ["on X11", { DISPLAY: ":0" }, "linux", true],
    ["on Wayland", { WAYLAND_DISPLAY: "wayland-0" }, "linux", true],
    ["not without a display", {}, "linux", false],
    ["not with an empty one", { DISPLAY: "", WAYLAND_DISPLAY: "", GPG_TTY: "" }, "linux", false],
    ["not by a GPG_TTY that is no terminal", { GPG_TTY: "/dev/null" }, "linux", false],
    ["not by a GPG_TTY that is gone", { GPG_TTY: "/dev/pts/99999" }, "linux", false],
    ["not by a GPG_TTY that is a file", { GPG_TTY: import.meta.filename }, "linux", false],
    ["not by what `tty` says where there is none", { GPG_TTY: "not a tty" }, "linux", false],
    ["on a Mac", {}, "darwin", true],
    ["not on a Mac far away", { SSH_CONNECTION: "192.0.2.1 5 192.0.2.2 22" }, "darwin", false],
    ["not on Windows", { DISPLAY: ":0" }, "win32", false],
    ["not without the program", { DISPLAY: ":0", PATH: root }, "linux", false],
    ["not without a PATH", { DISPLAY: ":0", PATH: undefined }, "linux", false],
    ["not in the current folder", { DISPLAY: ":0", PATH: `:.:${path.relative(".", pinentry.folder)}` }, "linux", false],
    ["not as a file that can't be run", { DISPLAY: ":0", PATH: plain.folder }, "linux", false],
    ["not as a folder", { DISPLAY: ":0", PATH: path.join(root, "folder") }, "linux", false],
    ["not as a Mac's, elsewhere", { DISPLAY: ":0", PATH: mac.folder }, "linux", false],
    ["as a Mac's own", { PATH: mac.folder }, "darwin", true],
  ])("%s", (_, env, platform, isThere) => {
    const terminal = makePinentry({ PATH: pinentry.folder, ...env }, platform, new AbortController()).open();
    expect(terminal !== undefined).toBe(isThere);
    terminal?.close();
    expect([pinentry, mac, plain].flatMap((one) => one.pids())).toEqual([]); // nothing is run before a question
  });

  it("and a Mac's own comes first there", async () => {
    const other = install(GOOD("echo D other; echo OK"));
    const own = install(GOOD("echo D own; echo OK"), "pinentry-mac");
    const PATH = `${other.folder}:${own.folder}:${process.env.PATH}`;
    const terminal = makePinentry({ PATH }, "darwin", new AbortController()).open();
    expect(await terminal?.askLine("which? ")).toBe("own");
    terminal?.close();
  });
});

describe("the terminal's mode", () => {
  it("is read and set by the system's own stty, never by the first on the PATH", async () => {
    const planted = path.join(root, "planted");
    mkdirSync(planted);
    writeFileSync(path.join(planted, "stty"), `#!/bin/sh\nenv > ${planted}/ran\n`);
    chmodSync(path.join(planted, "stty"), 0o755);
    const before = process.env.PATH;
    process.env.PATH = `${planted}:${before}`;
    try {
      const program = path.join(install(GOOD("echo D 1; echo OK")).folder, "pinentry");
      (await PinentryProcess.start(program, {}, PINENTRY_LIMITS, "/dev/null", false)).kill();
    } finally {
      process.env.PATH = before;
    }
    expect(existsSync(path.join(planted, "ran"))).toBe(false);
  });
});
