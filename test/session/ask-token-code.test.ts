import { existsSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AssumeMfaError } from "../../src/errors.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import type { Terminal } from "../../src/host/terminal.ts";
import { askTokenCode, type CodeRequest } from "../../src/session/ask-token-code.ts";
import type { CodeClient, CodePresenter } from "../../src/session/send-code.ts";
import { makeFileSpentCodes } from "../../src/session/spent-codes.ts";
import { openCliWorld, type RunOptions, SERIAL } from "../support/cli-world.ts";
import { makeFakeHost, NO_ANSWER, type Reply } from "../support/fake-host.ts";

const world = await openCliWorld();
beforeEach(() => world.newCache());

const assumptions = (operations: readonly string[]) => operations.filter((name) => name === "AssumeRole").length;

describe("the prompt", () => {
  it("names the target, the account and the device, and the code opens the role with one AssumeRole", async () => {
    const run = await world.run("dev login", { replies: [() => world.code()] });
    expect(run).toMatchObject({
      exitCode: 0,
      questions: ["MFA code for dev (account 222222222222), device arn:aws:iam::111122223333:mfa/alice: "],
      operations: ["GetCallerIdentity", "AssumeRole"],
    });
  });

  it("is on the terminal alone: neither stream carries it", async () => {
    const run = await world.run("dev export", { replies: [() => world.code()], isPayload: true });
    expect(run.exitCode).toBe(0);
    expect(run.screen).toBe(run.questions.join(""));
    expect(run.stdout).toMatch(/^unset /);
    expect(run.stderr).toBe(`SANDBOX ${world.sandbox.endpoint} (not AWS)\n`);
  });

  it.each([
    ["with blanks", (code: string) => ` ${code.slice(0, 3)} ${code.slice(3)} `],
    ["as a bracketed paste", (code: string) => `\u001b[200~${code}\u001b[201~`],
  ])("takes a code %s", async (_how, write) => {
    expect(await world.run("dev login", { replies: [() => write(world.code())] })).toMatchObject({ exitCode: 0 });
  });

  it("a hostile profile name is shown, not obeyed", async () => {
    const name = "dev\u001b[2J\u202e";
    const env = world.configWith(
      `[profile ${name}]\nrole_arn = arn:aws:iam::222222222222:role/PrivilegedActionsRole\nsource_profile = parent\nmfa_serial = arn:aws:iam::111122223333:mfa/alice\nregion = us-east-1\n`,
    );
    const run = await world.run([name, "login"], { env, replies: [() => world.code()] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toEqual([expect.stringMatching(/^MFA code for "?dev\\x1b\[2J\\u202e"? \(account/)]);
  });
});

describe("a wrong code at the prompt", () => {
  it("is asked again three times, saying why, and then it is exit 4", async () => {
    const wrong = [1, 2, 3, 4].map(
      (more) => () =>
        world.watch(String((Number(world.sandbox.currentCode()) + more * 111_111) % 1_000_000).padStart(6, "0")),
    );
    const run = await world.run("dev login", { replies: wrong });
    expect(run.exitCode).toBe(4);
    expect(run.questions).toHaveLength(4);
    for (const again of run.questions.slice(1)) expect(again).toMatch(/^AWS did not accept that code: .*\nMFA code: $/);
    expect(assumptions(run.operations)).toBe(4);
    expect(run.stdout).toBe("");
    expect(run.stderr).toContain("invalid MFA one time pass code");
  });

  it("followed by the right one is forgiven", async () => {
    const run = await world.run("dev login", { replies: [() => world.wrongCode(), () => world.code()] });
    expect(run.exitCode).toBe(0);
    expect(run.questions).toHaveLength(2);
    expect(assumptions(run.operations)).toBe(2);
  });

  it("with a malformed one among them: that one is not sent at all", async () => {
    const run = await world.run("dev login", { replies: ["12345", "", "abcdef", () => world.code()] });
    expect(run.exitCode).toBe(0);
    for (const again of run.questions.slice(1)) expect(again).toMatch(/^that is not a code of six digits\n/);
    expect(assumptions(run.operations)).toBe(1);
  });

  it("a fourth malformed one is exit 2", async () => {
    const run = await world.run("dev login", { replies: ["1", "2", "3", "4"] });
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.questions).toHaveLength(4);
    expect(assumptions(run.operations)).toBe(0);
  });

  it("is not asked again where it is not the code that is wrong", async () => {
    const denied = await world.run("dev login --serial-number arn:aws:iam::111122223333:mfa/bob", {
      replies: [() => world.code()],
    });
    expect(denied).toMatchObject({ exitCode: 4 });
    expect(denied.questions).toHaveLength(1);
    expect(denied.stderr).toContain("verify your MFA serial number");
  });
});

describe("a code that was sent before", () => {
  /** The world, this far into a step whose code was not used. */
  const toStep = (milliseconds: number) => {
    world.code();
    world.sandbox.moveClock(30_000 - (world.sandbox.now() % 30_000) + milliseconds);
  };
  /** Sends this step's code, for another target. */
  const spend = async () => {
    const code = world.watch(world.sandbox.currentCode());
    expect(await world.run(["dev", "login", "-t", code])).toMatchObject({ exitCode: 0 });
    return code;
  };
  /** With each painting over as `<`. */
  const painted = ({ screen }: { readonly screen: string }) => screen.replaceAll("\r\u001b[2K", "<");
  const seconds = (screen: string) => [...screen.matchAll(/(\d+) s(?=<|$)/g)].map(([, each]) => Number(each));

  it("is not sent again at the prompt: it says why, counts down to the next on one line, and asks for it", async () => {
    toStep(5_500);
    const used = await spend();
    const run = await world.run("staging login", { replies: [used, () => world.watch(world.sandbox.currentCode())] });
    expect(run).toMatchObject({ exitCode: 0, questions: [expect.stringMatching(/^MFA code for /), "MFA code: "] });
    expect(assumptions(run.operations)).toBe(1);
    expect(painted(run)).toMatch(
      /: that code was already sent, (?:just now|\d s ago), and works once\n(?:<the device shows the next code in \d+ s)+<MFA code: $/,
    );
    const counted = seconds(painted(run).slice(run.screen.indexOf("works once")));
    expect(counted[0]).toBeGreaterThan(15);
    expect(counted).toEqual(counted.map((_, index) => (counted[0] as number) - index));
    expect(counted.at(-1)).toBe(1);
    expect(run.stderr).not.toContain("next code");
  });

  it("is not waited for once the device shows another", async () => {
    toStep(1_000);
    const used = await spend();
    world.sandbox.moveClock(30_000);
    const before = world.sandbox.now();
    const run = await world.run("staging login", { replies: [used, () => world.watch(world.sandbox.currentCode())] });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.screen).toMatch(
      /: that code was already sent, 3\d s ago, and works once: type the one that the device shows by now\nMFA code: $/,
    );
    expect(world.sandbox.now() - before).toBeLessThan(5_000);
  });

  it("is none of the three tries", async () => {
    const [one, two, three] = [1, 2, 3].map((more) =>
      world.watch(String((Number(world.sandbox.currentCode()) + more * 111_111) % 1_000_000).padStart(6, "0")),
    );
    const run = await world.run("dev login", { replies: [one, one, one, two, three, () => world.code()] });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(assumptions(run.operations)).toBe(4);
  });

  it("typed over and over ends it, with exit 7", async () => {
    toStep(1_000);
    const used = await spend();
    const run = await world.run("staging login -o json", { replies: [used, used, used, used] });
    expect(run).toMatchObject({ exitCode: 7, operations: expect.not.arrayContaining(["AssumeRole"]) });
    const [{ error }] = JSON.parse(run.stdout);
    expect(error).toMatchObject({
      code: "TOKEN_CODE_USED",
      message: expect.stringMatching(/^that code was already sent/),
    });
    expect(error.seconds).toBeGreaterThanOrEqual(1);
    expect(error.seconds).toBeLessThanOrEqual(30);
  });

  it.each([
    [20, /^next code in \d+ s$/],
    [10, /^\d+ s$/],
  ])("is counted down in %i columns, within the line", async (columns, text) => {
    toStep(1_000);
    const used = await spend();
    const replies = [used, () => world.watch(world.sandbox.currentCode())];
    const run = await world.run("staging login", { columns, replies });
    expect(run.exitCode).toBe(0);
    const counted = painted(run).split("works once\n")[1]?.split("<").slice(1, -1) ?? [];
    expect(counted.length).toBeGreaterThan(20);
    for (const line of counted) {
      expect(line).toMatch(text);
      expect(line.length).toBeLessThan(columns);
    }
  });

  it.each<[string, RunOptions]>([
    ["a terminal that paints over nothing", { env: { TERM: "dumb" } }],
    ["one of four columns", { columns: 4 }],
  ])("on %s is told in a plain line, and nobody is kept waiting", async (_where, options) => {
    toStep(1_000);
    const used = await spend();
    const before = world.sandbox.now();
    const run = await world.run("staging login", { ...options, replies: [used, () => world.code()] });
    expect(run.exitCode).toBe(0);
    expect(run.screen).toMatch(/, and works once: the device shows the next in \d+ s\nMFA code: $/);
    expect(run.screen).not.toContain("\u001b");
    // But for what the test itself moved on.
    expect(world.sandbox.now() - before).toBeLessThan(35_000);
  });

  it("given by option leads to the prompt after the countdown, where somebody is there", async () => {
    toStep(20_000);
    const used = await spend();
    const run = await world.run(["staging", "login", "-t", used], {
      replies: [() => world.watch(world.sandbox.currentCode())],
    });
    expect(run).toMatchObject({ exitCode: 0, questions: [expect.stringMatching(/^MFA code for staging /)] });
    expect(assumptions(run.operations)).toBe(1);
    expect(painted(run)).toMatch(
      /^the token code from --token-code was already sent, .*, and works once\n(?:<the device shows .*)+<MFA code for /,
    );
  });

  it.each(["SIGINT", "SIGTERM"] as const)("%s ends the countdown at once, on a line of its own", async (signal) => {
    toStep(1_000);
    const used = await spend();
    const run = await world.run(["staging", "login", "-t", used], {
      replies: [],
      sleep: (_, stop) => new Promise((_resolve, reject) => stop?.addEventListener("abort", () => reject(stop.reason))),
      meanwhile: (host) => {
        const timer = setInterval(() => {
          if (!host.screen.includes("next code in")) return;
          clearInterval(timer);
          host.interrupts.raise(signal);
        }, 5);
      },
    });
    expect(run).toMatchObject({ exitCode: signal === "SIGINT" ? 130 : 143, stdout: "", operations: [] });
    expect(run.screen).toMatch(/s\n$/);
    expect(run.host.openTerminals).toBe(0);
  });
});

describe("no code at the prompt", () => {
  it.each<[string, readonly Reply[]]>([
    ["Ctrl-D", [undefined]],
    ["Ctrl-D after a malformed one", ["12", undefined]],
  ])("%s is exit 2, and AssumeRole is not called", async (_how, replies) => {
    const run = await world.run("dev login", { replies });
    expect(run).toMatchObject({ exitCode: 2, stdout: "" });
    expect(run.stderr).toMatch(/error: no token code was given\n/);
    expect(assumptions(run.operations)).toBe(0);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
  ] as const)("%s ends it with %i, silently, and nothing is cached", async (signal, exitCode) => {
    let raise = () => {};
    const run = await world.run("dev login", {
      replies: [
        () => {
          raise();
          return NO_ANSWER;
        },
      ],
      meanwhile: ({ interrupts }) => {
        raise = () => interrupts.raise(signal);
      },
    });
    expect(run).toMatchObject({ exitCode, stdout: "" });
    expect(run.stderr).toBe(`SANDBOX ${world.sandbox.endpoint} (not AWS)\n`);
    expect(existsSync(path.join(world.cacheHome, "assume-mfa", "sessions"))).toBe(false);
  });

  it("keys that turn out to be dead end the prompt", async () => {
    const [key] = world.user("alice").accessKeys;
    if (key === undefined) throw new Error("no key");
    key.status = "Inactive";
    try {
      const run = await world.run("dev login", { replies: [NO_ANSWER] });
      expect(run).toMatchObject({ exitCode: 4, stdout: "" });
      expect(new Set(run.operations)).toEqual(new Set(["GetCallerIdentity"]));
      expect(run.screen).toMatch(/: \n$/);
      expect(run.stderr).toContain(`AWS does not know the access key ${key.accessKeyId} of profile "parent"`);
    } finally {
      key.status = "Active";
    }
  });

  it("a network that fails meanwhile does not end it: the code decides", async () => {
    // Nothing listens there any more.
    const env = { AWS_ENDPOINT_URL: "http://127.0.0.1:9", ASSUME_MFA_SANDBOX: undefined };
    const run = await world.run("dev login", {
      env,
      replies: [() => new Promise((resolve) => setTimeout(() => resolve("123456"), 30))],
    });
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.questions).toHaveLength(1);
    expect(run.stderr).toMatch(/can't be reached: the connection was refused\n.*AWS_ENDPOINT_URL/);
  });
});

describe("askTokenCode", () => {
  afterEach(() => vi.useRealTimers());
  const request: CodeRequest = {
    forWhom: "dev",
    wantedFor: "dev (account 222222222222)",
    mfaSerial: SERIAL,
    place: "aws",
    mfaProcess: undefined,
  };

  /** A presenter that writes down the order of what happens around the question. */
  function record(
    replies: readonly Reply[],
    more: Partial<CodePresenter<CodeClient, string>> = {},
    changeTerminal: (terminal: Terminal) => Terminal = (terminal) => terminal,
  ) {
    const events: string[] = [];
    const host = makeFakeHost({
      argv: [],
      env: {},
      now: Date.now,
      replies: replies.map((reply) => (question: string) => {
        events.push("asked");
        if (typeof reply === "object") throw new Error("no pick");
        return typeof reply === "function" ? reply(question) : reply;
      }),
    });
    const spentCodes = makeFileSpentCodes(privateFiles, undefined);
    const asked = askTokenCode(
      request,
      changeTerminal(host.openTerminal() as Terminal),
      { host, spentCodes },
      {
        async connect() {
          events.push("connect");
          return { close: () => events.push("close"), clockOffsetMs: () => undefined };
        },
        async introduce() {
          events.push("introduce");
        },
        async send(_client, code) {
          events.push(`send ${code}`);
          return "session";
        },
        ...more,
      },
    );
    return { asked, events, host };
  }

  it("paints the question, then loads and connects, and closes at the end", async () => {
    const typed = () => new Promise<string>((resolve) => setTimeout(() => resolve("123456"), 20));
    const { asked, events } = record([typed]);
    // At once: before anything is awaited.
    expect(events).toEqual(["asked"]);
    await asked;
    expect(events).toEqual(["asked", "connect", "introduce", "send 123456", "close"]);
  });

  it("a dialog that takes its time is shown before anything is loaded; one that fails loads nothing", async () => {
    const { asked, events } = record(["123456"], {}, (terminal) => ({
      ...terminal,
      async askLine(question, options) {
        await new Promise((resolve) => setTimeout(resolve, 30));
        events.push("shown");
        return terminal.askLine(question, options);
      },
    }));
    expect(await asked).toBe("session");
    expect(events.slice(0, 3)).toEqual(["shown", "asked", "connect"]);
    const failed = record([], {}, (terminal) => ({
      ...terminal,
      askLine: () => Promise.reject(new AssumeMfaError("PINENTRY_FAILED", "nobody could be asked")),
    }));
    await expect(failed.asked).rejects.toMatchObject({ code: "PINENTRY_FAILED" });
    expect(failed.events).toEqual([]);
    expect(failed.host.openTerminals).toBe(0);
  });

  it("an answer that comes before the connection waits for it", async () => {
    const { asked, events } = record(["123456"]);
    expect(await asked).toBe("session");
    expect(events).toEqual(["asked", "connect", "introduce", "send 123456", "close"]);
  });

  it("keeps the connection warm: every 4 s, for two minutes at most", async () => {
    vi.useFakeTimers();
    const { asked, events, host } = record([NO_ANSWER]);
    const ended = asked.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(3_999);
    expect(events).toEqual(["asked", "connect", "introduce"]);
    await vi.advanceTimersByTimeAsync(8_001);
    expect(events.filter((event) => event === "introduce")).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(600_000);
    const count = events.filter((event) => event === "introduce").length;
    expect(count).toBeGreaterThanOrEqual(30);
    expect(count).toBeLessThanOrEqual(31);
    host.interrupts.raise("SIGINT");
    expect(await ended).toMatchObject({ signal: "SIGINT" });
    expect(events.at(-1)).toBe("close");
  });

  it("an introduction that fails for another reason than dead keys is passed over", async () => {
    const { asked } = record([() => new Promise((resolve) => setTimeout(() => resolve("123456"), 20))], {
      introduce: () => Promise.reject(new AssumeMfaError("NETWORK", "no network")),
    });
    expect(await asked).toBe("session");
  });

  it("dead keys end it, and the terminal is closed", async () => {
    const { asked, host } = record([NO_ANSWER], {
      introduce: () => Promise.reject(new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", "dead")),
    });
    await expect(asked).rejects.toMatchObject({ code: "SOURCE_CREDENTIALS_INVALID" });
    expect(host.openTerminals).toBe(0);
  });

  it("a connection that can't be made fails the code, not the process", async () => {
    const { asked, host } = record(["123456"], { connect: () => Promise.reject(new Error("no such chunk")) });
    await expect(asked).rejects.toThrow("no such chunk");
    expect(host.openTerminals).toBe(0);
  });
});
