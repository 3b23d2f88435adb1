import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runProgram } from "../src/cli/program.ts";
import { AssumeMfaError } from "../src/errors.ts";
import { main } from "../src/main.ts";
import { makeServices } from "../src/wiring.ts";
import { DEV, DEV_ROLE, openCliWorld, type RunOptions, SERIAL } from "./support/cli-world.ts";
import { type FaultProxy, startFaultProxy } from "./support/fault-proxy.ts";

const world = await openCliWorld();
let proxy: FaultProxy;
beforeEach(async () => {
  world.newCache();
  proxy = await startFaultProxy(world.sandbox.endpoint);
});
afterEach(() => proxy.close());

const through = (env: RunOptions["env"] = {}) => ({
  AWS_ENDPOINT_URL: proxy.url,
  ASSUME_MFA_SANDBOX: undefined,
  ...env,
});

interface Failing {
  readonly words: readonly string[];
  readonly options?: RunOptions;
  readonly exitCode: number;
  /** What must be so before the run. */
  readonly setUp?: () => unknown;
}

/** Runs that fail in different places, some of them with every secret at hand. */
const FAILING: Readonly<Record<string, () => Failing>> = {
  "a wrong code": () => ({ words: ["dev", "login", "-t", world.wrongCode()], exitCode: 4 }),
  "a malformed code": () => ({ words: ["dev", "login", "-t", world.addCanary("12345x-canary")], exitCode: 2 }),
  "a lost reply": () => {
    proxy.break("AssumeRole", { kind: "cut-reply", at: "body" });
    return { words: ["dev", "login", "-t", world.code()], options: { env: through() }, exitCode: 1 };
  },
  "an answer that is no XML": () => {
    proxy.break("AssumeRole", { kind: "answer", status: 200, body: "<x", forward: true });
    return { words: ["dev", "login", "-t", world.code()], options: { env: through() }, exitCode: 1 };
  },
  "an answer that ends early": () => {
    // What the SDK could not read holds a part of the new keys.
    proxy.break("AssumeRole", { kind: "truncate-body" });
    return { words: ["dev", "login", "-t", world.code()], options: { env: through() }, exitCode: 1 };
  },
  "HTTP 500": () => {
    proxy.break("AssumeRole", { kind: "answer", status: 500, body: "<x/>", forward: true });
    return { words: ["dev", "login", "-t", world.code()], options: { env: through() }, exitCode: 1 };
  },
  "no network": () => ({
    words: ["dev", "login", "-t", world.code()],
    options: { env: through({ AWS_ENDPOINT_URL: "http://127.0.0.1:9" }) },
    exitCode: 1,
  }),
  "a secret that does not fit": () => ({
    words: ["dev", "login", "-t", world.code()],
    options: {
      env: world.credentialsFile(
        `[parent]\naws_access_key_id = ${world.user("alice").accessKeys[0]?.accessKeyId}\naws_secret_access_key = ${world.addCanary("not-the-secret-0123456789")}\n`,
      ),
    },
    exitCode: 4,
  }),
  "a secret in the wrong line of a config file": () => ({
    words: ["dev", "login"],
    options: { env: world.configFile(`[profile dev]\n${world.addCanary("wJalrXUtnFEMI-canary")}\nrole_arn = x\n`) },
    exitCode: 3,
  }),
  "a denied call with a session": () => ({
    words: ["dev", "instances"],
    exitCode: 1,
    setUp: () => world.login(),
    options: { env: { AWS_REGION: "us-east-1" } },
  }),
  "a lost reply to a call with a session": () => {
    proxy.break("DescribeInstances", { kind: "cut-reply", at: "body" }, 9);
    return {
      words: ["dev", "instances"],
      options: { env: { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined } },
      exitCode: 1,
      setUp: () => world.login(),
    };
  },
  "a lost reply of DynamoDB": () => {
    proxy.break("ListTables", { kind: "answer", status: 200, body: "{", forward: true }, 9);
    return {
      words: ["dev", "tables"],
      options: { env: { AWS_ENDPOINT_URL_DYNAMODB: proxy.url, ASSUME_MFA_SANDBOX: undefined } },
      exitCode: 1,
      setUp: () => world.login(),
    };
  },
  "an export that fails": () => ({ words: ["dev", "export", "-t", world.wrongCode()], exitCode: 4 }),
};

async function withDenied<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (name !== "a denied call with a session") return work();
  const { inlinePolicies } = world.role(DEV);
  const before = new Map(inlinePolicies);
  inlinePolicies.clear();
  try {
    return await work();
  } finally {
    for (const [key, text] of before) inlinePolicies.set(key, text);
  }
}

describe.each(Object.keys(FAILING))("%s", (name) => {
  it.each([[[]], [["--debug"]], [["-o", "json"]], [["--debug", "-o", "json"]]])(
    "%j: no secret comes out, and the exit code is the same",
    async (more) => {
      const { words, options, exitCode, setUp } = (FAILING[name] as () => Failing)();
      await setUp?.();
      // The world looks for every key, token, code and device secret in both streams and in the names of files.
      const run = await withDenied(name, () => world.run([...words, ...more], options));
      expect(run.exitCode).toBe(exitCode);
      expect(run.stderr).toMatch(/^assume-mfa: error: /m);
      if (more.includes("--debug")) expect(run.stderr).toMatch(/^assume-mfa: debug: AssumeMfaError [A-Z_]+: /m);
      else expect(run.stderr).not.toMatch(/debug|^\s*at /m);
    },
  );
});

describe.each(Object.keys(FAILING))("the error of %s", (name) => {
  it("holds no secret, looked at as deep as one can", async () => {
    const { words, options, setUp } = (FAILING[name] as () => Failing)();
    await setUp?.();
    const host = world.makeHost(words, options);
    const error = await withDenied(name, () =>
      runProgram(makeServices(host, main)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    );
    expect(error).toBeInstanceOf(Error);
    const text = inspect(error, { showHidden: true, depth: 9, maxArrayLength: null, maxStringLength: null });
    expect(world.secretsIn(text)).toEqual([]);
    expect(world.secretsIn(JSON.stringify(error))).toEqual([]);
  });
});

describe("the canaries", () => {
  it("are found where they are: the check itself works", async () => {
    const secret = world.user("alice").accessKeys[0]?.secretAccessKey ?? "";
    expect(secret).toHaveLength(40);
    expect(world.secretsIn(`x${secret}y`)).toEqual([secret]);
    const code = world.code();
    expect(world.secretsIn(`code ${code}.`)).toEqual([`the code ${code}`]);
    expect(world.secretsIn(`i-${code}`)).toEqual([]);
    expect(world.secretsIn(world.device().secret)).toHaveLength(1);
    await world.login();
    await expect(world.run("dev export")).rejects.toThrow("stands in standard output");
  });
});

describe("an error that nobody foresaw", () => {
  const broken = (argv: readonly string[], thrown: unknown) => {
    const host = world.makeHost(argv);
    const services = makeServices(host, main);
    const run = main(host, {
      ...services,
      loadConfig: () => {
        throw thrown;
      },
    });
    return { host, run };
  };

  it("is one line, exit 1, and no stack", async () => {
    const { host, run } = broken(["dev", "login"], new TypeError("x is not a function"));
    expect(await run).toBe(1);
    expect(host.out).toBe("");
    expect(host.err).toBe(
      "assume-mfa: error: x is not a function\nassume-mfa: hint: this is a defect of assume-mfa: --debug shows where\n",
    );
  });

  it("shows where with --debug", async () => {
    const { host, run } = broken(["dev", "login", "--debug"], new TypeError("x is not a function"));
    expect(await run).toBe(1);
    expect(host.err).toMatch(/^assume-mfa: debug: TypeError: x is not a function\n(?:assume-mfa: debug: {3}at .*\n)+/m);
  });

  it.each([["a word"], [undefined], [null], [42], [{ secret: "x" }], [Object.create(null)]])(
    "%j thrown is one line too",
    async (thrown) => {
      const { host, run } = broken(["dev", "login"], thrown);
      expect(await run).toBe(1);
      expect(host.err).toMatch(/^assume-mfa: error: .*\nassume-mfa: hint: .*\n$/);
    },
  );

  it("with -o json is the documented object", async () => {
    const { host, run } = broken(["dev", "login", "-o", "json"], new TypeError("x"));
    expect(await run).toBe(1);
    expect(JSON.parse(host.out)).toEqual({ error: { code: "UNEXPECTED", message: "x", hint: expect.any(String) } });
  });

  it("of an export fails the shell", async () => {
    const { host, run } = broken(["dev", "export"], new TypeError("x"));
    expect(await run).toBe(1);
    expect(host.out).toMatch(/^(?:unset AWS_\w+;\n)+false;\n$/);
  });

  it("cuts a chain of causes that goes round", async () => {
    const first = new Error("first");
    const second = new Error("second", { cause: first });
    first.cause = second;
    const { host, run } = broken(["dev", "login", "--debug"], new AssumeMfaError("NETWORK", "outer", { cause: first }));
    expect(await run).toBe(1);
    expect(host.err.match(/debug: Error: /g)?.length).toBeLessThan(10);
  });
});

describe("an interrupt", () => {
  it.each([
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGQUIT", 131],
    ["SIGTERM", 143],
  ] as const)("%s while a call is under way: exit %i at once, no word", async (signal, exitCode) => {
    await world.login("staging");
    proxy.break("AssumeRole", { kind: "silence" });
    const before = world.sandbox.calls.length;
    const run = await world.run(["dev", "login", "-t", world.code()], {
      env: through(),
      meanwhile: ({ interrupts }) => proxy.whenAsked("AssumeRole", () => interrupts.raise(signal)),
    });
    expect(run).toMatchObject({ exitCode, stdout: "", said: "" });
    // The call goes its way all the same, and spends its code before the next test takes one.
    await vi.waitFor(() => {
      expect(world.sandbox.calls.slice(before).map(({ operation }) => operation)).toContain("AssumeRole");
    });
  });

  it("before anything: the same", async () => {
    const host = world.makeHost(["dev", "login"], { replies: [() => new Promise(() => undefined)] });
    const ended = main(host);
    host.interrupts.raise("SIGINT");
    expect(await ended).toBe(130);
    expect(host.out + host.err).not.toContain("error");
  });
});

const HOSTILE = [
  "\u001b[2J\u001b[31m",
  "\u001b]0;title\u0007",
  "\u001b]52;c;aGk=\u0007",
  "\r\nassume-mfa: fake line",
  "\u009b31m",
  "\u202eevil\u202c",
  "\u2066\u2069\u200b\u200d\ufeff",
  "\u0000\u0008\u007f",
  "\u2028\u2029",
];

describe("what comes from outside", () => {
  it.each(HOSTILE)("%j never reaches the terminal raw: the command line", async (evil) => {
    // The world looks for raw characters in all three places.
    for (const argv of [
      [evil],
      [`x${evil}`, "login"],
      ["--target", `x${evil}`, "login"],
      ["dev", `x${evil}`],
      ["dev", "login", `--x${evil}`],
      ["dev", "login", `x${evil}`],
      ["dev", "login", "-o", `x${evil}`],
      ["dev", "login", "--min-ttl", `x${evil}`],
      ["dev", "login", "--region", `x${evil}`],
      ["dev", "login", "-t", `x${evil}`],
      ["dev", "login", "--source-profile", `x${evil}`],
      ["dev", "login", "--endpoint-url", `http://127.0.0.1:9/${evil}`],
      ["dev", "terminate", `i-${evil}`],
      ["dev", "table", `x${evil}`],
      ["dev", "export", "--format", `x${evil}`],
      ["sandbox", `x${evil}`],
      ["sandbox", "start", "--port", `x${evil}`],
    ]) {
      for (const more of [[], ["--debug"], ["-o", "json"]]) {
        const run = await world.run([...argv, ...more], {
          isStderrTerminal: true,
          isStdoutTerminal: true,
        });
        expect(run.exitCode).toBeGreaterThan(1);
        expect(run.stderr.match(/^\S*assume-mfa: fake/gm)).toBeNull();
      }
    }
  });

  it.each(HOSTILE.filter((evil) => !/[\r\n\0]/.test(evil)))("%j: the config file", async (evil) => {
    const parts = [
      `[profile dev${evil}]\nrole_arn = ${DEV_ROLE}\n`,
      `[profile dev]\nrole_arn = ${DEV_ROLE}${evil}\nsource_profile = parent\n`,
      `[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = x${evil}\n`,
      `[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}${evil}\n`,
      `[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = x${evil}\n`,
      `[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nassume_mfa_confirm = x${evil}\n`,
      `[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nassume_mfa_${evil} = x\n`,
    ];
    for (const part of parts) {
      const env = world.configFile(`[profile parent]\n${part}`);
      for (const argv of [["dev", "instances"], ["de"]]) {
        const run = await world.run([...argv, "--debug"].slice(0, argv.length === 1 ? 1 : undefined), { env });
        expect(run.exitCode).toBeGreaterThan(1);
      }
    }
  });

  it.each(HOSTILE)("%j: the words of a server", async (evil) => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML writes them as references
    const xml = evil.replace(/[\0-\x1f\x7f]/g, (character) => `&#${character.charCodeAt(0)};`);
    const body = `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no ${xml} no</Message></Error><RequestId>${xml}</RequestId></ErrorResponse>`;
    proxy.break("AssumeRole", { kind: "answer", status: 403, body, forward: false });
    const run = await world.run(["dev", "login", "--debug", "-t", world.code()], {
      env: through(),
      isStderrTerminal: true,
    });
    expect(run.exitCode).toBeGreaterThan(0);
    expect(run.stderr).toContain("error:");
  });

  it("anything at all as an action, an option or a target is an error in lines", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.string({ unit: "binary", maxLength: 12 }),
            fc.constantFrom("dev", "login", "-o", "json", "--", "-"),
          ),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        async (argv) => {
          const run = await world.run(argv, { replies: [undefined, undefined] });
          expect(run.exitCode === 0 || run.stderr !== "" || run.exitCode === 130).toBe(true);
          expect(run.operations.filter((name) => name === "AssumeRole")).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });
});
