import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Environment,
  findProgram,
  PROGRAM,
  type RunOptions,
  run,
  SIGNAL_NUMBERS,
  titled,
  until,
} from "./built-program.ts";
import { HANG_UP_MS, KEYS, PseudoTerminal, SLOW } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// `exec` as a process: words, streams, open files, status and signals of its command (ACCEPTANCE.md P3 to P5, P7, T11).

let world: TestWorld;
/** `npm run test:soak` may ask for more. */
const isSoak = process.env.FUZZ_RUNS !== undefined;
let folders = 0;

beforeAll(async () => {
  world = await startWorld();
  await world.login("dev");
});

afterAll(() => world.close());

function makeFolder(): string {
  folders += 1;
  const folder = join(world.folder, `exec-${folders}`);
  mkdirSync(folder);
  return folder;
}

function exec(command: readonly string[], options: Partial<RunOptions> = {}) {
  return run([process.execPath, PROGRAM, "dev", "exec", "--", ...command], { env: world.env, ...options });
}

function script(text: string, cwd = makeFolder(), env: Environment = {}) {
  return run(["bash", "--noprofile", "--norc", "-c", text], { env: { ...world.env, ...env }, cwd, timeoutMs: 110_000 });
}

describe("the status", () => {
  it("is the command's own, whatever it is", { timeout: 120_000 }, async () => {
    // All of them where there is time: `for` in one shell is the quickest way.
    const all = isSoak ? "$(seq 0 255)" : "0 1 2 3 7 77 124 125 126 127 128 129 130 137 143 254 255";
    const { stdout } = await script(
      `for n in ${all}; do assume-mfa dev exec sh -c "exit $n" 2>/dev/null; echo "$n $?"; done`,
    );
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.filter((line) => !/^(\d+) \1$/.test(line))).toEqual([]);
  });

  it("is 128 + n where signal n ended the command", async () => {
    const { stdout } = await script(
      `ulimit -c 0; for n in 1 2 3 6 9 11 13 15; do assume-mfa dev exec sh -c "kill -$n \\$\\$" 2>/dev/null; echo "$n $?"; done`,
    );
    expect(stdout).toBe([1, 2, 3, 6, 9, 11, 13, 15].map((n) => `${n} ${128 + n}\n`).join(""));
  });

  it("is 127 where it is not found and 126 where it can't be run", async () => {
    const cwd = makeFolder();
    writeFileSync(join(cwd, "text"), "text\n", { mode: 0o644 });
    writeFileSync(join(cwd, "orphan"), "#!/nowhere/interpreter\n", { mode: 0o755 });
    writeFileSync(join(cwd, "plain"), "exit 9\n", { mode: 0o755 });
    const seen = await Promise.all(
      ["nobody", "./nobody", "./text", "/", "./orphan", "./plain"].map((file) => exec([file], { cwd })),
    );
    expect(seen.map(({ status }) => status)).toEqual([127, 127, 126, 126, 126, 9]);
    expect(seen.map(({ stderr }) => /error: (.*)\n/.exec(stderr)?.[1])).toEqual([
      "nobody: command not found",
      "./nobody: command not found",
      "./text: permission denied",
      "/: permission denied",
      "./orphan: its interpreter was not found",
      undefined,
    ]);
  });

  it("is the command's own with the longest word that Linux allows", async () => {
    const { status } = await exec(["true", "x".repeat(131_071)]);
    expect(status).toBe(0);
  });

  it("is that of a reader that goes away, without a trace", async () => {
    const { stdout, stderr } = await script(
      `assume-mfa dev exec -- yes 2>err | head -c1; echo " $\{PIPESTATUS[0]}"
       assume-mfa dev exec -- echo gone >&- 2>>err; echo $?
       grep -v ^SANDBOX err`,
    );
    expect(stdout).toBe("y 141\n0\n");
    expect(stderr).toBe("");
  });
});

describe("words and streams", () => {
  it("are the command's as they are, any words", async () => {
    const printWords = ["sh", "-c", 'printf "%s\\0" "$@"', "sh"];
    const word = fc.oneof(
      fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", "")),
      fc.constantFrom(
        "",
        "--",
        "-",
        "-x",
        "--help",
        "-o",
        "json",
        "--token-code",
        " ",
        "\n",
        "'",
        '"',
        "\\",
        "$(id)",
        "*",
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        const { status, stdout } = await exec([...printWords, ...words]);
        expect({ status, words: stdout.split("\0").slice(0, -1) }).toEqual({
          status: 0,
          words: words.length === 0 ? [""] : words,
        });
      }),
      { numRuns: 12, examples: [[["", " ", "--", "new\nline", "x".repeat(131_000)]]] },
    );
  });

  it("are refused where they can't be the same bytes", async () => {
    const cwd = makeFolder();
    const { stdout, stderr } = await script(
      `assume-mfa dev exec -- touch $'bytes\\xff' "\u{fffd}"; echo $?; ls | wc -l
       assume-mfa dev exec -- touch "\u{fffd}"; echo $?; ls | wc -l`,
      cwd,
    );
    expect(stdout).toBe("126\n0\n0\n1\n");
    expect(stderr).toContain("assume-mfa: error: touch: its words are not UTF-8, and would be others\n");
  });

  it("go through by the megabyte, each stream its own", async () => {
    const bytes = isSoak ? 100_000_000 : 20_000_000;
    const { stdout } = await script(
      `head -c ${bytes} /dev/urandom > given
       assume-mfa dev exec -- sh -c 'tee copy >&2; echo out' < given 2>err >out; echo $?
       cmp given copy && tail -c ${bytes} err | cmp given - && cat out`,
    );
    expect(stdout).toBe("0\nout\n");
  });

  it("leave what follows the code's line to the command", async () => {
    const { stdout } = await script(
      `printf '%s\\nrest\\nof it' $CODE | assume-mfa staging exec --no-cache -t - -- cat 2>/dev/null`,
      undefined,
      { CODE: world.freshCode() },
    );
    expect(stdout).toBe("rest\nof it");
  });

  it("are joined by every other open file, under its own number", async () => {
    const { stdout } = await script(
      `for n in 3 4 5 6 7 8 9; do echo "file $n" > $n; done
       assume-mfa dev exec -- sh -c 'cat <&3 <&3; cat <&4 ; cat <&5; cat <&6; cat <&7; echo written >&8; cat <&9; ls /proc/$$/fd | sort -n | tr "\\n" " "' \\
         3<3 4<4 5<5 6<6 7< <(echo pipe) 8>8 9<9 2>/dev/null; cat 8
       assume-mfa dev exec -- sh -c 'for n in $(seq 3 60); do [ ! -e /proc/$$/fd/$n ] || echo "open $n"; done' 2>/dev/null
       assume-mfa dev exec -- sh -c 'ls -l /proc/$$/fd | grep -c /dev/null' 3</dev/null </dev/null 2>/dev/null
       assume-mfa dev exec -- diff <(echo same) <(echo same) 2>/dev/null && echo same`,
    );
    const [shown = "", ...bare] = stdout.split("written\n");
    expect(shown).toMatch(/^file 3\nfile 4\nfile 5\nfile 6\npipe\nfile 9\n0 1 2 3 4 5 6 7 8 9 (?:\d{2,} )*$/);
    // Nothing of Node's and nothing of ours goes along.
    expect(bare.join("")).toBe("3\nsame\n");
  });
});

describe("signals", () => {
  const ALL = [
    "SIGTERM",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGUSR1",
    "SIGUSR2",
    "SIGWINCH",
    "SIGTSTP",
    "SIGCONT",
  ] as const;

  it("that we get alone reach the command, each once", async () => {
    const cwd = makeFolder();
    const heard = () => readFileSync(join(cwd, "heard"), "utf8").split("\n").slice(0, -1);
    writeFileSync(join(cwd, "heard"), "");
    const traps = ALL.map((name) => `trap 'echo ${name} >> heard' ${name.slice(3)}`).join("; ");
    let sending: Promise<void> | undefined;
    const running = exec(
      ["bash", "-c", `${traps}; echo ready >> heard; until [ -e stop ]; do sleep 0.02; done; sleep 0.1; exit 7`],
      {
        cwd,
        onStart(child) {
          sending = (async () => {
            await until("the command is ready", () => heard().includes("ready"));
            for (const [index, name] of ALL.entries()) {
              child.kill(name);
              await until(`${name} is heard`, () => heard().length > index + 1);
            }
            writeFileSync(join(cwd, "stop"), "");
          })();
        },
      },
    );
    await sending;
    expect((await running).status).toBe(7);
    expect(heard()).toEqual(["ready", ...ALL]);
  });

  it.for(["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1"] as const)(
    "%s ends a command that does not mind it",
    async (name) => {
      const cwd = makeFolder();
      const { status, stderr } = await exec(["sh", "-c", "touch ready; exec sleep 20"], {
        cwd,
        onStart(child) {
          void until("the command is ready", () => readdirSync(cwd).includes("ready")).then(() => child.kill(name));
        },
      });
      expect(status).toBe(128 + (SIGNAL_NUMBERS[name] ?? 0));
      expect(stderr).toMatch(/^SANDBOX .*\n$/);
    },
  );

  const CHILD = `for s in INT QUIT WINCH TERM USR1 HUP; do trap "echo heard $s >> heard; echo heard $s" $s; done
    echo ready $PPID; until [ -e stop ]; do sleep 0.05; done; exit 7`;

  function onTerminal(text: string, onTestFinished: (tidy: () => void) => void) {
    const cwd = makeFolder();
    writeFileSync(join(cwd, "child"), CHILD);
    const terminal = new PseudoTerminal(text, { env: world.env, cwd });
    onTestFinished(() => terminal.close());
    return {
      terminal,
      stop: () => writeFileSync(join(cwd, "stop"), ""),
      heard: () => readFileSync(join(cwd, "heard"), "utf8").trimEnd().split("\n"),
    };
  }

  it("of the terminal's keys are not told twice; it stops and goes on with its command", async ({ onTestFinished }) => {
    const { terminal, stop, heard } = onTerminal(
      `set -m; assume-mfa dev exec -- bash child; echo "<stopped $?>"; fg; echo "<done $?>"`,
      onTestFinished,
    );
    await terminal.waitFor(/ready/);
    terminal.type(KEYS.interrupt);
    await terminal.waitFor(/heard INT/);
    terminal.type(KEYS.quit);
    await terminal.waitFor(/heard QUIT/);
    terminal.resize(70);
    await terminal.waitFor(/heard WINCH/);
    terminal.type(KEYS.suspend);
    await terminal.waitFor(/<stopped 148>/);
    stop();
    await terminal.waitFor(/<done 7>/);
    expect(heard()).toEqual(["heard INT", "heard QUIT", "heard WINCH"]);
  });

  it("sent to us alone are passed on where there is a terminal, in the background too", async ({ onTestFinished }) => {
    const { terminal, stop, heard } = onTerminal(
      `set -m; assume-mfa dev exec -- bash child & sleep 0.1
       until jobs -l | grep -q Running; do sleep 0.1; done; read -r; kill -TERM $!; read -r; kill -INT $!; read -r; kill -HUP $!; read -r
       fg >/dev/null; echo "<done $?>"`,
      onTestFinished,
    );
    await terminal.waitFor(/ready/);
    for (const name of ["TERM", "INT", "HUP"]) {
      terminal.type(KEYS.enter);
      await terminal.waitFor(new RegExp(`heard ${name}`));
    }
    terminal.type(KEYS.enter);
    stop();
    await terminal.waitFor(/<done 7>/);
    expect(heard()).toEqual(["heard TERM", "heard INT", "heard HUP"]);
  });

  it("tell it once that the window is closed", SLOW, async ({ onTestFinished }) => {
    const { terminal, heard, stop } = onTerminal("assume-mfa dev exec -- bash child 2>/dev/null", onTestFinished);
    const [, parent] = await terminal.waitFor(/ready (\d+)/);
    terminal.hangUp();
    await until(
      "it is heard",
      () => {
        try {
          return heard().length > 0;
        } catch {
          return false;
        }
      },
      HANG_UP_MS,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(heard()).toEqual(["heard HUP"]);
    stop();
    await until("we have ended", () => !readdirSync("/proc").includes(parent as string));
  });

  it("leave the terminal to the command once the code is typed", async ({ onTestFinished }) => {
    const { terminal } = onTerminal(
      `assume-mfa dev exec --no-cache -- sh -c 'read -r line; echo "<read $line>"; stty -a | grep -c " icanon"; stty -a | grep -c " echo "' >out; cat out`,
      onTestFinished,
    );
    await terminal.waitFor(/[Cc]ode.*: /);
    terminal.type(`${world.freshCode()}${KEYS.enter}`);
    // Whether it reads already or not: nothing else may take the line.
    await new Promise((resolve) => setTimeout(resolve, 700));
    terminal.type(`first line${KEYS.enter}`);
    await terminal.waitFor(/<read first line>\s+1\s+1/);
  });

  it("end us with the command that Ctrl-C ends, the terminal as it was", async ({ onTestFinished }) => {
    const { terminal } = onTerminal(
      "stty -a > before; assume-mfa dev exec -- sh -c 'echo ready; exec sleep 20'; echo \"<done $?>\"; stty -a | cmp - before && echo same",
      onTestFinished,
    );
    await terminal.waitFor(/ready/);
    terminal.type(KEYS.interrupt);
    await terminal.waitFor(/<done 130>/);
    await terminal.waitFor(/same/);
  });
});

describe("secrets", () => {
  it("stand in nobody's words while it runs (T11), and not on standard error", async () => {
    const { stdout, stderr } = await script(
      `assume-mfa dev exec -- bash -c '
         cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" > words
         grep -cF -e "$AWS_SECRET_ACCESS_KEY" -e "$AWS_SESSION_TOKEN" words; grep -c "dev" words > /dev/null && echo looked'`,
    );
    expect(stdout).toBe("0\nlooked\n");
    expect(stderr).toMatch(/^SANDBOX .*\n$/);
  });
});

const hasBoto3 = spawnSync("python3", ["-c", "import boto3"], { timeout: 30_000 }).status === 0;
const awsCli = findProgram("aws");

describe("the credentials", () => {
  it("stand in the environment with what was there, and nothing that we or the SDK set for ourselves", async () => {
    const env = {
      ...world.env,
      MINE: "kept",
      AWS_RETRY_MODE: "adaptive",
      AWS_PROFILE: "gone",
      ASSUME_MFA_OUTPUT: "json",
    };
    const { stdout } = await exec(["env", "-0"], { env });
    const names = (list: readonly string[]) => list.filter((name) => name !== "_").sort();
    const seen = names(
      stdout
        .split("\0")
        .slice(0, -1)
        .map((line) => line.slice(0, line.indexOf("="))),
    );
    const set = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"];
    const kept = Object.keys(env).filter((name) => name !== "AWS_PROFILE" && name !== "ASSUME_MFA_OUTPUT");
    expect(seen).toEqual(names([...kept, ...set, "AWS_REGION", "AWS_DEFAULT_REGION"]));
  });

  const arn = /^arn:aws:sts::222222222222:assumed-role\/PrivilegedActionsRole\/alice\n$/;

  it.skipIf(!hasBoto3)(titled("are boto3's, whatever profile was set", ["boto3", hasBoto3]), async () => {
    const program = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])";
    const { status, stdout } = await exec(["python3", "-c", program], {
      env: { ...world.env, AWS_PROFILE: "no-such-profile", AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1" },
      timeoutMs: 60_000,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(arn) });
  });

  it.skipIf(awsCli === undefined)(titled("are the AWS CLI's", ["aws", awsCli]), async () => {
    const { status, stdout } = await exec(["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"], {
      env: { ...world.env, AWS_PROFILE: "no-such-profile", PYTHONDONTWRITEBYTECODE: "1" },
      timeoutMs: 60_000,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(arn) });
  });

  it("are assume-mfa's own never: inside, it starts from the user's keys again", async () => {
    const { status, stdout } = await exec(
      ["assume-mfa", "prod", "exec", "--", "assume-mfa", "prod", "whoami", "-o", "text"],
      {
        env: { ...world.env, CODE: world.freshCode() },
      },
    ).then(({ status: first }) =>
      first === 125
        ? script(
            `assume-mfa dev exec -- assume-mfa prod exec -t $CODE -- assume-mfa prod whoami -o text 2>/dev/null`,
            undefined,
            { CODE: world.freshCode() },
          )
        : Promise.reject(new Error(`without a code: ${first}`)),
    );
    expect(status).toBe(0);
    expect(stdout).toContain("arn:aws:sts::444444444444:assumed-role/PrivilegedActionsRole/alice");
  });
});
