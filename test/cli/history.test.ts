import fs from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import {
  changesOf,
  DEV,
  DEV_ROLE,
  demand,
  openCliWorld,
  PARENT,
  PROD,
  type Run,
  SERIAL,
} from "../support/cli-world.ts";
import { NO_ANSWER } from "../support/fake-host.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";

// What is written down of a run, and what `assume-mfa history` shows of it (CLI.md, "Destructive actions" 8, "Files").

const world = await openCliWorld();

let states = 0;
let serial = 0;
const stateHome = () => path.join(world.folder, "states", `${states}`);
const file = () => path.join(stateHome(), "assume-mfa", "history.jsonl");

beforeEach(() => {
  world.newCache();
  states += 1;
  fs.mkdirSync(stateHome(), { recursive: true });
});

const run = (argv: string | readonly string[], options: Parameters<typeof world.run>[1] = {}) =>
  world.run(argv, { ...options, env: { XDG_STATE_HOME: stateHome(), ...options.env } });

type Entry = Record<string, unknown>;

/** As the file has them. */
function entries(): Entry[] {
  if (!fs.existsSync(file())) return [];
  const text = fs.readFileSync(file(), "utf8");
  expect(world.secretsIn(text)).toEqual([]);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const events = () => entries().map(({ event }) => event);
const last = () => demand(entries().at(-1));

function addInstance(accountId = DEV, more = {}): string {
  serial += 1;
  const id = `i-${serial.toString(16).padStart(17, "0")}`;
  const [model] = world.instances(accountId);
  world.account(accountId).instances.set(id, {
    ...demand(model),
    id,
    tags: new Map([["Name", `copy-${serial}`]]),
    state: "running",
    nextState: undefined,
    ...more,
  });
  return id;
}

const requestIds = (done: Run, operation: string) =>
  done.calls.filter((call) => call.operation === operation).map(({ requestId }) => requestId);

describe("a session", () => {
  it("that a call opened is a line, with what CloudTrail finds it by; one from the cache is none", async () => {
    const login = await run(["dev", "login", "-t", world.code()]);
    const { accessKeyId } = demand([...world.sandbox.world.sessions.values()].at(-1));
    expect(entries()).toEqual([
      {
        v: 1,
        n: 1,
        prev: "0".repeat(64),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        event: "AssumeRole",
        target: "dev",
        account: DEV,
        role: DEV_ROLE,
        sessionName: "alice",
        accessKeyId,
        route: "direct",
        sourceAccessKeyId: world.user("alice").accessKeys[0]?.accessKeyId,
        mfaSerial: SERIAL,
        durationSeconds: null,
        expiration: expect.stringMatching(/Z$/),
        requestId: demand(requestIds(login, "AssumeRole")[0]),
        endpoint: world.sandbox.endpoint,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    await run("dev whoami");
    await run("dev instances");
    expect(events()).toEqual(["AssumeRole"]);
  });

  it("of the day is a line, and the roles that it opens tell by whose key", async () => {
    const login = await run(["login", "dev", "-t", world.code()]);
    expect(login.exitCode).toBe(0);
    const [day, role] = entries();
    expect(day).toMatchObject({
      event: "GetSessionToken",
      target: null,
      account: PARENT,
      role: null,
      sessionName: null,
      route: "direct",
      mfaSerial: SERIAL,
      durationSeconds: 28_800,
      requestId: demand(requestIds(login, "GetSessionToken")[0]),
    });
    expect(role).toMatchObject({
      event: "AssumeRole",
      target: "dev",
      route: "shared",
      mfaSerial: null,
      sourceAccessKeyId: day?.accessKeyId,
    });
  });

  it("through another role, and one without a code, are told as that", async () => {
    const env = world.configWith(`
[profile jump]
role_arn = arn:aws:iam::${PARENT}:role/Administrator
source_profile = parent
mfa_serial = ${SERIAL}

[profile beyond]
role_arn = ${DEV_ROLE}
source_profile = jump
region = us-east-1

[profile plain]
role_arn = ${DEV_ROLE}
source_profile = parent
assume_mfa_required = false
region = us-east-1
`);
    const [jump, dev] = [world.role(PARENT, "Administrator"), world.role(DEV)];
    const trust = dev.trustPolicy;
    const allow = (principal: object) =>
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", ...principal }],
      });
    jump.inlinePolicies.set("Beyond", allow({ Resource: DEV_ROLE }));
    dev.trustPolicy = allow({ Principal: { AWS: PARENT } });
    try {
      expect(await run(["beyond", "login", "-t", world.code()], { env })).toMatchObject({ exitCode: 0 });
      world.user("alice").inlinePolicies.set("Plain", allow({ Resource: DEV_ROLE }));
      expect(await run("plain login", { env })).toMatchObject({ exitCode: 0 });
    } finally {
      jump.inlinePolicies.delete("Beyond");
      world.user("alice").inlinePolicies.delete("Plain");
      dev.trustPolicy = trust;
    }
    expect(entries().map(({ target, route, mfaSerial }) => [target, route, mfaSerial])).toEqual([
      ["jump", "direct", SERIAL],
      ["beyond", "chain", null],
      ["plain", "plain", null],
    ]);
    expect(entries()[1]?.sourceAccessKeyId).toBe(entries()[0]?.accessKeyId);
  });

  it("that AWS refused is none", async () => {
    expect(await run(["dev", "login", "-t", world.wrongCode(), "--no-input"])).toMatchObject({ exitCode: 4 });
    expect(entries()).toEqual([]);
  });
});

describe("a privileged action", () => {
  it("is a line before the call and one after it", async () => {
    const [one, two] = [addInstance(), addInstance()];
    const done = await run(["dev", "terminate", one, two, "--yes", "-t", world.code()]);
    expect(done.exitCode).toBe(0);
    expect(events()).toEqual(["AssumeRole", "action begun", "action ended"]);
    const [assumed, begun, end] = entries() as [Entry, Entry, Entry];
    const facts = {
      run: expect.stringMatching(/^[0-9a-f-]{36}$/),
      target: "dev",
      account: DEV,
      region: "us-east-1",
      role: DEV_ROLE,
      sessionName: "alice",
      accessKeyIds: [assumed.accessKeyId],
      action: "terminate",
      confirmed: "--yes",
      endpoint: world.sandbox.endpoint,
    };
    expect(begun).toMatchObject({
      ...facts,
      resources: [
        { id: one, name: expect.stringMatching(/^copy-/), before: "running" },
        { id: two, before: "running" },
      ],
    });
    expect(end).toMatchObject({
      ...facts,
      run: begun.run,
      dryRun: false,
      resources: [
        { id: one, before: "running", state: "terminated", outcome: "done" },
        { id: two, before: "running", state: "terminated", outcome: "done" },
      ],
      requestIds: requestIds(done, "TerminateInstances"),
      code: null,
      exitCode: 0,
    });
    expect(await run("history --verify")).toMatchObject({ exitCode: 0, stdout: "whole: 3 entries\n" });
  });

  it("on a table is the same", async () => {
    const table = demand([...world.account(DEV).tables.values()][0]);
    world.account(DEV).tables.set("us-east-1/to-go", { ...table, name: "to-go", id: crypto.randomUUID() });
    const done = await run(["dev", "delete-table", "to-go", "--yes", "-t", world.code()]);
    expect(last()).toMatchObject({
      event: "action ended",
      action: "delete-table",
      resources: [{ id: "to-go", before: "ACTIVE", state: "gone", outcome: "done" }],
      requestIds: requestIds(done, "DeleteTable"),
    });
  });

  it.each([
    ["y", "prompt", "yes"],
    ["dev", "always", "typed"],
    ["dev", "person", "typed"],
    [undefined, "never", "never"],
  ])("says how it was agreed to: %s, %s", async (answer, mode, confirmed) => {
    const config = fs.readFileSync(demand(world.env.AWS_CONFIG_FILE), "utf8");
    const env = world.configFile(config.replace("[profile dev]\n", `[profile dev]\nassume_mfa_confirm = ${mode}\n`));
    await run(["dev", "terminate", addInstance(), "-t", world.code()], {
      env,
      ...(answer === undefined ? {} : { replies: [answer] }),
    });
    expect(last()).toMatchObject({ event: "action ended", confirmed, code: null });
  });

  it("that was declined is a line, too, and none that says it was begun", async () => {
    const one = addInstance();
    const done = await run(["dev", "terminate", one, "-t", world.code()], { replies: ["n"] });
    expect(done.exitCode).toBe(6);
    expect(changesOf(done)).toEqual([]);
    expect(events()).toEqual(["AssumeRole", "action ended"]);
    expect(last()).toMatchObject({
      resources: [{ id: one, before: "running", state: "running", outcome: "not done" }],
      confirmed: null,
      requestIds: [],
      code: "DECLINED",
      exitCode: 6,
    });
  });

  it.each([
    ["at the question", { confirmed: null, code: "SIGINT", exitCode: 130 }, ["AssumeRole", "action ended"]],
    ["after the call", { confirmed: "--yes", code: "SIGINT" }, ["AssumeRole", "action begun", "action ended"]],
  ])("that Ctrl-C ended %s is a line that says so", async (when, expected, written) => {
    await run(["dev", "login", "-t", world.code()]);
    const one = addInstance();
    const isAsked = when === "at the question";
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const done = await run(["dev", "terminate", one, ...(isAsked ? [] : ["--yes"])], {
      env: { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined, AWS_ENDPOINT_URL_STS: world.sandbox.endpoint },
      ...(isAsked ? { replies: [NO_ANSWER] } : {}),
      meanwhile(host) {
        if (isAsked)
          proxy.whenAsked("DescribeInstanceAttribute", () => setTimeout(() => host.interrupts.raise("SIGINT"), 100));
        else proxy.whenAsked("TerminateInstances", () => host.interrupts.raise("SIGINT"));
      },
    });
    await proxy.close();
    expect(done.exitCode).toBe(130);
    expect(events()).toEqual(written);
    expect(last()).toMatchObject({ ...expected, resources: [{ id: one }] });
  });

  it("that was only tried is a line that says so", async () => {
    const one = addInstance();
    await run(["dev", "terminate", one, "--dry-run", "-t", world.code()]);
    expect(events()).toEqual(["AssumeRole", "action ended"]);
    expect(last()).toMatchObject({
      dryRun: true,
      resources: [{ id: one, outcome: "would be done" }],
      confirmed: null,
      code: null,
    });
  });

  it("that protection stopped is a line; an id that is none is none", async () => {
    const held = demand(world.instances(PROD).find(({ disableApiTermination }) => disableApiTermination));
    await run(["prod", "terminate", held.id, "--yes", "-t", world.code()]);
    expect(last()).toMatchObject({
      target: "prod",
      resources: [{ id: held.id, outcome: "not done" }],
      code: "PROTECTED",
    });
    const before = entries().length;
    expect(await run("prod terminate i-0ffffffffffffffff --yes")).toMatchObject({ exitCode: 1 });
    expect(entries()).toHaveLength(before);
  });

  it("that AWS refused says why, with the request's id", async () => {
    const one = addInstance();
    world.role(DEV).inlinePolicies.set(
      "Deny",
      JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Deny", Action: "ec2:TerminateInstances", Resource: "*" }],
      }),
    );
    try {
      const done = await run(["dev", "terminate", one, "--yes", "-t", world.code()]);
      expect(events()).toEqual(["AssumeRole", "action begun", "action ended"]);
      expect(last()).toMatchObject({
        resources: [{ id: one, state: "running", outcome: "failed" }],
        requestIds: requestIds(done, "TerminateInstances"),
        code: "ACCESS_DENIED",
        exitCode: 1,
      });
    } finally {
      world.role(DEV).inlinePolicies.delete("Deny");
    }
  });

  it("is on the disk as begun when the call is made; where no more follows, the list says so", async () => {
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    let meanwhile: Entry[] = [];
    proxy.whenAsked("TerminateInstances", () => {
      meanwhile = entries();
    });
    await run(["dev", "terminate", addInstance(), "--yes", "-t", world.code()], {
      env: { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined },
    });
    await proxy.close();
    expect(meanwhile.map(({ event }) => event)).toEqual(["AssumeRole", "action begun"]);
    // As a process leaves it that is killed now.
    fs.writeFileSync(file(), meanwhile.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
    fs.rmSync(path.join(path.dirname(file()), "history.head"));
    expect((await run("history")).stdout).toMatch(/terminate +begun, no outcome +i-/);
    expect((await run("history -o text")).stdout).toMatch(/\tterminate\tbegun, no outcome\ti-/);
    expect(await run("history --verify")).toMatchObject({ exitCode: 0, stdout: "whole: 2 entries\n" });
  });

  it("whose first call never left is told as not done", async () => {
    await run(["dev", "login", "-t", world.code()]);
    const one = addInstance();
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const done = await run(["dev", "terminate", one], {
      env: { AWS_ENDPOINT_URL_EC2: proxy.url, ASSUME_MFA_SANDBOX: undefined },
      replies: [
        async () => {
          await proxy.close();
          return "y";
        },
      ],
    });
    expect(done.exitCode).toBe(1);
    expect(events()).toEqual(["AssumeRole", "action begun", "action ended"]);
    expect(last()).toMatchObject({ resources: [{ id: one, state: "running", outcome: "not done" }], code: "NETWORK" });
  });

  it("on several targets is two lines each, told apart by their run", async () => {
    const staging = demand(world.account("333333333333")).id;
    const ids = [addInstance(DEV), addInstance(staging)];
    for (const [nth, account] of [DEV, staging].entries()) {
      world
        .account(account)
        .instances.get(ids[nth] ?? "")
        ?.tags.set("Run", "both");
    }
    const words = ["dev,staging", "terminate", "--filter", "tag:Run=both"];
    const declined = await run([...words, "-t", world.code()], { replies: ["n"] });
    expect(declined.exitCode).not.toBe(0);
    const both = entries().filter(({ event }) => event === "action ended");
    expect(both.map(({ target, code, confirmed }) => [target, code, confirmed]).sort()).toEqual([
      ["dev", "DECLINED", null],
      ["staging", "DECLINED", null],
    ]);
    const done = await run([...words, "--yes", "--max", "5", "-t", world.code()]);
    expect(done.exitCode).toBe(0);
    const lines = entries().filter(({ event, confirmed }) => String(event).startsWith("action") && confirmed !== null);
    const runs = (target: string) => lines.filter((line) => line.target === target);
    for (const [nth, target] of ["dev", "staging"].entries()) {
      expect(runs(target).map(({ event, confirmed }) => [event, confirmed])).toEqual([
        ["action begun", "--yes"],
        ["action ended", "--yes"],
      ]);
      expect(new Set(runs(target).map(({ run: id }) => id)).size).toBe(1);
      expect(runs(target)[1]).toMatchObject({ resources: [{ id: ids[nth], outcome: "done" }] });
    }
    expect(await run("history --verify")).toMatchObject({ exitCode: 0 });
  });

  it("by a session of its own names that session", async () => {
    const one = addInstance();
    await run(["dev", "login", "-t", world.code()]);
    const done = await run(["dev", "terminate", one, "--yes", "--scoped", "-t", world.code()]);
    expect(done.exitCode).toBe(0);
    const [whole, scoped, begun, end] = entries() as [Entry, Entry, Entry, Entry];
    expect([whole, scoped, begun, end].map(({ event }) => event)).toEqual([
      "AssumeRole",
      "AssumeRole",
      "action begun",
      "action ended",
    ]);
    expect(scoped.accessKeyId).not.toBe(whole.accessKeyId);
    expect(end.accessKeyIds).toEqual([scoped.accessKeyId]);
  });

  it("where AWS's words hold what was sent: no secret comes into it", async () => {
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    try {
      const env = { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined };
      await run(["dev", "login", "-t", world.code()], { env });
      const { sessionToken } = demand([...world.sandbox.world.sessions.values()].at(-1));
      const body = `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>it was ${sessionToken}</Message></Error></Errors><RequestID>r-1</RequestID></Response>`;
      proxy.break("TerminateInstances", { kind: "answer", status: 403, body, forward: false }, 5);
      await run(["dev", "terminate", addInstance(), "--yes"], { env });
      expect(last()).toMatchObject({ event: "action ended", endpoint: proxy.url });
      expect(JSON.stringify(last())).toContain("[secret]");
      expect(fs.readFileSync(file(), "utf8")).not.toContain(sessionToken.slice(0, 24));
    } finally {
      await proxy.close();
    }
  });

  it.each([
    ["a folder that can't be", () => fs.writeFileSync(path.join(stateHome(), "assume-mfa"), "")],
    [
      "a link in the history's place",
      () => {
        fs.mkdirSync(path.dirname(file()), { mode: 0o700 });
        fs.symlinkSync("/etc/passwd", file());
      },
    ],
  ])("goes on where it can't be written (%s): one warning, the same exit code", async (_what, damage) => {
    damage();
    const one = addInstance();
    const done = await run(["dev", "terminate", one, "--yes", "-q", "-t", world.code()]);
    expect(done.exitCode).toBe(0);
    expect(world.account(DEV).instances.get(one)?.state).toBe("terminated");
    expect(done.said.match(/^assume-mfa: not written to the history: .*$/gm)).toHaveLength(1);
  });
});

describe("history", () => {
  async function fill(): Promise<{ readonly one: string }> {
    const one = addInstance();
    await run(["dev", "terminate", one, "--yes", "-t", world.code()]);
    await run(["staging", "login", "-t", world.code()]);
    return { one };
  }

  it("is empty before anything was done, on every output", async () => {
    expect(await run("history")).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await run("history -o json")).toMatchObject({ exitCode: 0, stdout: "[]\n" });
    expect(await run("history -o text")).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await run("history --verify")).toMatchObject({ exitCode: 0, stdout: "whole: 0 entries\n" });
    expect(fs.existsSync(file())).toBe(false);
  });

  it("asks and calls nothing, and tells the newest last", async () => {
    const { one } = await fill();
    const list = await run("history");
    expect(list).toMatchObject({ exitCode: 0, operations: [], questions: [] });
    expect(
      list.stdout.split("\n").map((line) =>
        line
          .replace(/^[\d: -]+ /, "")
          .replace(/ASIA\w+/, "KEY")
          .trim(),
      ),
    ).toEqual([
      expect.stringMatching(/^time +target +account +region +what +outcome +resources +access key id$/),
      expect.stringMatching(/^dev +222222222222 +session, direct +KEY$/),
      expect.stringMatching(new RegExp(`^dev +222222222222 +us-east-1 +terminate +1 done +${one} +KEY$`)),
      expect.stringMatching(/^staging +333333333333 +session, direct +KEY$/),
      "",
    ]);
  });

  it("-o json is the lines as they stand, also one of a later version; -o text has a tab between", async () => {
    await fill();
    expect(JSON.parse((await run("history -o json")).stdout)).toEqual(entries());
    const text = (await run("history -o text")).stdout.trimEnd().split("\n");
    expect(text.map((line) => line.split("\t").length)).toEqual(text.map(() => 9));
    // What has ended is one line, as in the table.
    expect(text.map((line) => line.split("\t")[4])).toEqual(["session, direct", "terminate", "session, direct"]);
    expect(text[1]).toMatch(/\tdev\t222222222222\tus-east-1\tterminate\t1 done\ti-\w+\tASIA\w+\t[\w-]+$/);
  });

  it("fits the width of a terminal, and what stands in it is shown, not obeyed", async () => {
    const name = "dev\u001b[2J\u202e";
    const { formatLine } = await import("../../src/history/chain.ts");
    await run(["dev", "login", "-t", world.code()]);
    const { n, hash } = last() as { n: number; hash: string };
    const hostile = {
      at: "never",
      event: `x${name}`,
      target: name,
      resources: [null, 7, { id: name }],
      requestIds: "x",
    };
    const two = formatLine(hostile, n + 1, hash);
    const three = formatLine({ v: 2, event: "action ended", what: ["else"] }, n + 2, two.hash);
    fs.appendFileSync(file(), two.line + three.line);
    for (const columns of [30, 80, 250]) {
      const list = await run("history", { isStdoutTerminal: true, columns });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no room
      const shown = list.stdout.replace(/\u001b\[\d*m/g, "");
      expect(Math.max(...shown.split("\n").map((line) => line.length))).toBeLessThanOrEqual(columns);
      expect(shown).toContain(columns === 250 ? "dev\\x1b[2J\\u202e" : "dev\\x1b[");
    }
    expect((await run("history -o json")).stdout).toContain('"v": 2');
    expect((await run("history -o text")).exitCode).toBe(0);
    expect(await run("history --verify")).toMatchObject({ exitCode: 0 });
  });

  it("--target, --since and --limit leave out what is not asked for", async () => {
    await fill();
    const targets = async (words: string) =>
      JSON.parse((await run(`history -o json ${words}`)).stdout).map(({ target }: Entry) => target);
    expect(await targets("--target staging")).toEqual(["staging"]);
    expect(await targets("--target nobody")).toEqual([]);
    expect(await targets("--limit 2")).toEqual(["dev", "staging"]);
    world.sandbox.moveClock(3 * 86_400_000);
    expect(await targets("--since 7d")).toHaveLength(4);
    await run(["prod", "login", "-t", world.code()]);
    expect(await targets("--since 2d")).toEqual(["prod"]);
    expect(await targets("--since 1h")).toEqual(["prod"]);
    expect((await run("history --limit 2")).said).toContain("the last 2 entries; --limit shows more");
  });

  it.each([
    "--limit 0",
    "--limit 1000000",
    "--limit x",
    "--limit -1",
    "--since yesterday",
    "--since 1w",
    "--verify --limit 3",
    "--verify --target dev",
    "--verify --since 1d",
    "dev",
  ])("history %s is refused as it is typed", async (words) => {
    expect(await run(`history ${words}`)).toMatchObject({ exitCode: 2, stdout: "" });
  });

  it("--verify names the line and what is wrong, exit 5, on every output", async () => {
    await fill();
    fs.writeFileSync(file(), fs.readFileSync(file(), "utf8").replace('"outcome":"done"', '"outcome":"none"'));
    const table = await run("history --verify");
    expect(table).toMatchObject({
      exitCode: 5,
      stdout: "line 3: edited: its bytes are not those that its hash was made of\n",
    });
    expect(table.said).toMatch(
      /^assume-mfa: error: the history is not whole: line 3: edited: its bytes are not those that its hash was made of\nassume-mfa: hint: .*\n$/,
    );
    expect((await run("history --verify -o text")).stdout).toBe(
      "3\tedited\tits bytes are not those that its hash was made of\n",
    );
    const json = await run("history --verify -o json");
    expect(json.exitCode).toBe(5);
    expect(JSON.parse(json.stdout)).toEqual({
      whole: false,
      entries: 3,
      findings: [{ line: 3, problem: "edited", message: "its bytes are not those that its hash was made of" }],
      furtherFindings: 0,
      tornLines: [],
      endKnown: true,
    });
    expect((await run("history")).said).toContain("1 line is no whole entry: assume-mfa history --verify");
  });

  it("--verify tells of what a crash tore, and of an end that is not known, and is content", async () => {
    await run(["dev", "login", "-t", world.code()]);
    fs.appendFileSync(file(), '{"v":1,');
    await run(["staging", "login", "-t", world.code()]);
    fs.rmSync(path.join(path.dirname(file()), "history.head"));
    const { exitCode, stdout, said } = await run("history --verify");
    expect([exitCode, stdout]).toEqual([0, "whole: 3 entries\n"]);
    expect(said).toContain("line 2 was torn by a crash");
    expect(said).toContain("what was written last is not known");
  });

  it("of somebody else is not told: exit 3", async () => {
    await fill();
    fs.chmodSync(file(), 0o666);
    for (const words of ["history", "history --verify", "history -o json"]) {
      const list = await run(words);
      expect(list.exitCode).toBe(3);
      expect(list.stdout).not.toContain("terminate");
    }
  });

  it("needs no AWS files, and stands in a sandbox's own state", async () => {
    const list = await run("history", {
      env: { AWS_CONFIG_FILE: "/nowhere", AWS_SHARED_CREDENTIALS_FILE: "/nowhere" },
    });
    expect(list.exitCode).toBe(0);
    expect(list.stderr).toMatch(/^SANDBOX /);
  });
});
