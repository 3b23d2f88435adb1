import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DeleteTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DescribeInstancesCommand,
  DescribeRegionsCommand,
  EC2Client,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/sandbox.ts";
import {
  CliWorld,
  changesOf,
  DEV,
  DEV_ROLE,
  demand,
  openCliWorld,
  PARENT,
  type Run,
  SERIAL,
} from "../support/cli-world.ts";

// Least privilege (CLI.md, `assume_mfa_scope`): a session that may do what one action needs, on its resources alone.

const world = await openCliWorld();
beforeEach(() => world.newCache());

const REGION = "us-east-1";
let serial = 0;

/** Fresh copies of the account's first instance. */
function addInstances(count: number, of: CliWorld = world): string[] {
  const model = demand(of.instances(DEV)[0]);
  return Array.from({ length: count }, () => {
    serial += 1;
    const id = `i-${serial.toString(16).padStart(17, "0")}`;
    const tags = new Map([["Name", `copy-${serial}`]]);
    of.account(DEV).instances.set(id, { ...model, id, tags, state: "running", nextState: undefined });
    return id;
  });
}

function addTables(count: number): string[] {
  const model = demand(world.table(DEV, "sessions") ?? world.table(DEV, "orders"));
  return Array.from({ length: count }, () => {
    serial += 1;
    const name = `scoped-${serial}`;
    const arn = model.arn.replace(/[^/]+$/, name);
    world.account(DEV).tables.set(`${REGION}/${name}`, { ...model, name, arn, id: crypto.randomUUID() });
    return name;
  });
}

/** The session policies that went with the run's AssumeRole calls, in order; undefined for one without. */
function policiesOf({ calls }: Run): (string | undefined)[] {
  return calls
    .filter(({ operation }) => operation === "AssumeRole")
    .map(({ parameters }) => parameters.Policy as string | undefined);
}

/** Instances that a policy names. */
function idsIn(policy: string | undefined): string[] {
  return [...(policy ?? "").matchAll(/instance\/(i-[0-9a-f]+)/g)].map(([, id]) => id as string);
}

const stateOf = (id: string, of: CliWorld = world) => of.account(DEV).instances.get(id)?.state;

/** The files of the home and of the cache, with what is in them; other tests' caches left out. */
function filesOf(of: CliWorld): Map<string, string> {
  const names = readdirSync(of.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names
      .map(({ parentPath, name }) => {
        const file = path.join(parentPath, name);
        return [file, readFileSync(file, "latin1")] as const;
      })
      .filter(([file]) => !file.startsWith(path.dirname(of.cacheHome)) || file.startsWith(`${of.cacheHome}/`)),
  );
}

/** The session that the last AssumeRole of the world gave, as somebody who stole it has it. */
function lastSession(of: CliWorld = world) {
  const { accessKeyId, secretAccessKey, sessionToken } = demand([...of.sandbox.world.sessions.values()].at(-1));
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const config = { endpoint: of.sandbox.endpoint, region: REGION, credentials, maxAttempts: 1 };
  return { credentials, ec2: new EC2Client(config), dynamoDb: new DynamoDBClient(config), sts: new STSClient(config) };
}

const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => "allowed",
    (error: Error) => error.name,
  );

/** What of the session's secrets lies in any file, and whether a session is cached. */
function keptOf(of: CliWorld = world): string[] {
  const files = filesOf(of);
  const secrets = [...of.sandbox.world.sessions.values()].flatMap(({ secretAccessKey, sessionToken }) => [
    secretAccessKey,
    sessionToken,
  ]);
  return [...files]
    .filter(([file, text]) => /\/(?:sessions|shared|cli)\//.test(file) || secrets.some((each) => text.includes(each)))
    .map(([file]) => file);
}

describe("a scoped action", () => {
  it("works with a session that may do what it needs, on what it is on, and nothing else", async () => {
    const [mine, other] = addInstances(2);
    const [table] = addTables(1);
    // A role that may do everything.
    const run = await world.run(`dev-admin terminate ${mine} --yes --scoped --no-wait -t ${world.code()}`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(changesOf(run)).toEqual(["TerminateInstances"]);
    const [policy, ...more] = policiesOf(run);
    expect(more).toEqual([]);
    expect(JSON.parse(demand(policy))).toEqual({
      Version: "2012-10-17",
      Statement: [
        { Effect: "Allow", Action: "ec2:DescribeInstances", Resource: "*" },
        {
          Effect: "Allow",
          Action: ["ec2:DescribeInstanceAttribute", "ec2:TerminateInstances"],
          Resource: `arn:aws:ec2:${REGION}:${DEV}:instance/${mine}`,
        },
      ],
    });
    const stolen = lastSession();
    const ids = (...InstanceIds: (string | undefined)[]) => ({ InstanceIds: InstanceIds.map(demand) });
    expect(await refusalOf(stolen.ec2.send(new DescribeInstancesCommand(ids(mine))))).toBe("allowed");
    expect(await refusalOf(stolen.ec2.send(new TerminateInstancesCommand(ids(mine))))).toBe("allowed");
    expect(await refusalOf(stolen.ec2.send(new TerminateInstancesCommand(ids(other))))).toBe("UnauthorizedOperation");
    expect(await refusalOf(stolen.ec2.send(new TerminateInstancesCommand(ids(mine, other))))).toBe(
      "UnauthorizedOperation",
    );
    expect(await refusalOf(stolen.ec2.send(new StopInstancesCommand(ids(mine))))).toBe("UnauthorizedOperation");
    expect(await refusalOf(stolen.ec2.send(new DescribeRegionsCommand({})))).toBe("UnauthorizedOperation");
    const deletion = new DeleteTableCommand({ TableName: demand(table) });
    expect(await refusalOf(stolen.dynamoDb.send(deletion))).toBe("AccessDeniedException");
    const onward = new AssumeRoleCommand({ RoleArn: DEV_ROLE, RoleSessionName: "thief" });
    expect(await refusalOf(stolen.sts.send(onward))).toBe("AccessDenied");
    expect(stateOf(demand(other))).toBe("running");
  });

  it("is kept nowhere, whatever the profile keeps", async () => {
    const [one] = addInstances(1);
    const cached = readFileSync(demand(world.env.AWS_CONFIG_FILE), "utf8").replace(
      "[profile dev]\n",
      "[profile dev]\nassume_mfa_share_aws_cli = true\nassume_mfa_scope = action\n",
    );
    const env = world.configFile(cached);
    const run = await world.run(`dev terminate ${one} --yes -t ${world.code()}`, { env });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(idsIn(policiesOf(run)[0])).toEqual([one]);
    expect(keptOf()).toEqual([]);
    // So each takes a code again, which is said where nobody is there to give one.
    const [next] = addInstances(1);
    const again = await world.run(`dev terminate ${next} --yes`, { env });
    expect(again).toMatchObject({ exitCode: 2, operations: [] });
    expect(again.stderr).toContain("a token code is needed");
    expect(stateOf(demand(next))).toBe("running");
  });

  it("is not served by a session that is kept, nor takes its place", async () => {
    await world.run(`dev login -t ${world.code()}`);
    const kept = readFileSync(world.sessionFile, "utf8");
    const [one, two] = addInstances(2);
    const run = await world.run(`dev terminate ${one} --yes --scoped -t ${world.code()}`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(policiesOf(run)).toHaveLength(1);
    expect(readFileSync(world.sessionFile, "utf8")).toBe(kept);
    const plain = await world.run(`dev terminate ${two} --yes`);
    expect(plain).toMatchObject({ exitCode: 0 });
    expect(policiesOf(plain)).toEqual([]);
  });

  it("takes no code while somebody is signed in for the day", async () => {
    await world.run(`login --source-profile parent -t ${world.code()}`);
    const [one] = addInstances(1);
    const run = await world.run(`dev terminate ${one} --yes --scoped`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(idsIn(policiesOf(run)[0])).toEqual([one]);
  });

  it("tries nothing out that it would not be allowed", async () => {
    const [one] = addInstances(1);
    const run = await world.run(`dev terminate ${one} --scoped --dry-run -t ${world.code()}`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.operations).toContain("TerminateInstances (dry run)");
    expect(changesOf(run)).toEqual([]);
  });

  it("says of an unknown id that there is none, without looking elsewhere by other sessions", async () => {
    const run = await world.run(`dev terminate i-0123456789abcdef0 --yes --scoped -t ${world.code()}`);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain("no instance i-0123456789abcdef0");
    expect(changesOf(run)).toEqual([]);
  });
});

describe("more resources than one policy has room for", () => {
  it("are done in batches, each by a session for them alone, for one code", async () => {
    const ids = addInstances(60);
    const run = await world.run(["dev", "terminate", ...ids, "--yes", "--scoped", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.operations.filter((each) => each === "GetSessionToken")).toHaveLength(1);
    const policies = policiesOf(run).map(demand);
    expect(policies.length).toBeGreaterThanOrEqual(3);
    for (const policy of policies) expect(policy.length).toBeLessThanOrEqual(2_048);
    // Not one wider than it must be, and not one more than it takes.
    expect(policies.flatMap(idsIn).sort()).toEqual(ids);
    expect(policies.filter((policy) => policy.length < 1_900)).toHaveLength(1);
    expect(changesOf(run)).toEqual(policies.map(() => "TerminateInstances"));
    const done = run.calls
      .filter(({ operation }) => operation === "TerminateInstances")
      .map(({ parameters }) => Object.keys(parameters).filter((name) => name.startsWith("InstanceId")).length);
    expect(done.sort()).toEqual(policies.map((policy) => idsIn(policy).length).sort());
    expect(ids.map((id) => stateOf(id))).toEqual(ids.map(() => "terminated"));
    expect(run.said).toMatch(/^assume-mfa: 3 sessions, each for its own instances alone/m);
    expect(keptOf()).toEqual([]);
    // One table for people, in the order of the ids.
    expect(
      run.stdout
        .split("\n")
        .slice(1, -1)
        .map((line) => line.split(" ")[0]),
    ).toEqual(ids);
    const history = await world.run("history -o json");
    const ended = JSON.parse(history.stdout).findLast(({ event }: { event: string }) => event === "action ended");
    expect(ended.accessKeyIds).toHaveLength(policies.length);
  });

  it("are tables too, one call each", async () => {
    const names = addTables(12).map((name) => {
      const long = `${name}-${"x".repeat(120)}`;
      const table = demand(world.table(DEV, name));
      world.account(DEV).tables.set(`${REGION}/${long}`, { ...table, name: long, arn: table.arn.replace(name, long) });
      return long;
    });
    const run = await world.run(["dev", "delete-table", ...names, "--yes", "--scoped", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0 });
    const policies = policiesOf(run).map(demand);
    expect(policies.length).toBeGreaterThan(1);
    const named = policies.flatMap((policy) => [...policy.matchAll(/table\/([\w.-]+)/g)].map(([, name]) => name));
    expect(named.sort()).toEqual([...names].sort());
    expect(changesOf(run)).toEqual(names.map(() => "DeleteTable"));
    expect(names.filter((name) => world.table(DEV, name) !== undefined)).toEqual([]);
  });

  it("take a code each where the way is direct, and nothing is called where only one is there", async () => {
    const ids = addInstances(30);
    const line = ["dev", "terminate", ...ids, "--yes", "--scoped", "--direct"];
    const refused = await world.run([...line, "-t", world.code()]);
    expect(refused).toMatchObject({ exitCode: 2, operations: [] });
    expect(refused.stderr).toContain(
      "2 token codes are needed (dev: one for each scoped session), and only one is given",
    );
    const nobody = await world.run(line);
    expect(nobody).toMatchObject({ exitCode: 2, operations: [] });
    expect(nobody.stderr).toContain("and nobody can be asked");
    world.code();
    const run = await world.run(line, { env: { ASSUME_MFA_TOTP_SECRET: world.addCanary(deviceSecret()) } });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(policiesOf(run)).toHaveLength(2);
    expect(run.operations).not.toContain("GetSessionToken");
    expect(ids.map((id) => stateOf(id))).toEqual(ids.map(() => "terminated"));
  });

  it("take a code each from whoever is there, one question after the other", async () => {
    const ids = addInstances(60);
    const replies = [() => world.code(), () => world.code(), () => world.code()];
    const run = await world.run(["dev", "terminate", ...ids, "--yes", "--scoped", "--direct"], { replies });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.questions).toHaveLength(3);
    expect(policiesOf(run)).toHaveLength(3);
    expect(keptOf()).toEqual([]);
  });

  it("cost one code with --no-cache too, and leave a kept shared session alone", async () => {
    await world.run(`login --source-profile parent -t ${world.code()}`);
    const ids = addInstances(30);
    const line = ["dev", "terminate", ...ids, "--yes", "--scoped", "--no-cache"];
    expect(await world.run(line)).toMatchObject({ exitCode: 2, operations: [] });
    const run = await world.run([...line, "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.operations.filter((each) => each === "GetSessionToken")).toHaveLength(1);
    expect(policiesOf(run)).toHaveLength(2);
  });

  it("go through a role on the way, whose session is kept as ever", async () => {
    addChain();
    const ids = addInstances(30);
    const env = world.configWith(CHAIN);
    const run = await world.run(["deploy", "terminate", ...ids, "--yes", "--scoped", "-t", world.code()], { env });
    expect(run).toMatchObject({ exitCode: 0 });
    // The way there is whole, the session at its end is not.
    expect(policiesOf(run).map((policy) => idsIn(policy).length > 0)).toEqual([false, true, true]);
    expect(world.sessionFile).toBeDefined();
  });
});

function deviceSecret(): string {
  return world.device().secret;
}

const CHAIN = `
[profile jump]
role_arn = arn:aws:iam::${PARENT}:role/Jump
source_profile = parent
mfa_serial = ${SERIAL}

[profile deploy]
role_arn = arn:aws:iam::${DEV}:role/Deploy
source_profile = jump
region = ${REGION}
`;

/** Alice's code opens Jump, and Jump's session opens Deploy. */
function addChain(): void {
  const trusting = (condition?: object) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Principal: { AWS: PARENT },
        Action: "sts:AssumeRole",
        ...(condition === undefined ? {} : { Condition: condition }),
      },
    });
  const mfa = { Bool: { "aws:MultiFactorAuthPresent": "true" } };
  for (const [account, name, trustPolicy] of [
    [PARENT, "Jump", trusting(mfa)],
    [DEV, "Deploy", trusting()],
  ] as const) {
    const arn = `arn:aws:iam::${account}:role/${name}`;
    const model = world.role(account, "Administrator");
    world
      .account(account)
      .roles.set(name, { ...model, name, arn, id: `AROA${name.toUpperCase().padEnd(17, "X")}`, trustPolicy });
  }
  const Resource = [`arn:aws:iam::${PARENT}:role/Jump`, `arn:aws:iam::${DEV}:role/Deploy`];
  const statement = { Effect: "Allow", Action: "sts:AssumeRole", Resource };
  world.user("alice").inlinePolicies.set("Jump", JSON.stringify({ Version: "2012-10-17", Statement: statement }));
}

describe("a session policy that AWS packs into more than it takes", async () => {
  const packing = async (packedPolicyCharacters: number) => {
    const sandbox = await startSandbox({ now: Date.now, settings: { packedPolicyCharacters } });
    const opened = new CliWorld(sandbox, mkdtempSync(path.join(tmpdir(), "assume-mfa-test-")));
    afterAll(() => opened.close());
    return opened;
  };

  it("is tried in halves, before anything is done", async () => {
    const small = await packing(1_000);
    const ids = addInstances(60, small);
    const run = await small.run(["dev", "terminate", ...ids, "--yes", "--scoped", "-t", small.code()]);
    expect(run).toMatchObject({ exitCode: 0 });
    const policies = policiesOf(run).map(demand);
    const taken = policies.filter((policy) => policy.length <= 1_000);
    expect(taken.flatMap(idsIn).sort()).toEqual(ids);
    // What it has learnt holds for the batches after.
    expect(policies.length - taken.length).toBeLessThanOrEqual(3);
    expect(run.operations.lastIndexOf("AssumeRole")).toBeLessThan(run.operations.indexOf("DescribeInstances"));
    expect(changesOf(run)).toEqual(taken.map(() => "TerminateInstances"));
    expect(ids.map((id) => stateOf(id, small))).toEqual(ids.map(() => "terminated"));
    expect(run.said.match(/smaller batches are tried/g)).toHaveLength(1);
  });

  it("is told where the code went with it and there is no other, or where it is for one id alone", async () => {
    const small = await packing(250);
    const [one, two] = addInstances(2, small);
    for (const ids of [[one], [one, two]]) {
      const run = await small.run(["dev", "terminate", ...ids.map(demand), "--yes", "--scoped", "-t", small.code()]);
      expect(run).toMatchObject({ exitCode: 3 });
      expect(run.stderr).toContain("Packed policy consumes");
      expect(changesOf(run)).toEqual([]);
    }
    const together = addInstances(2, small);
    const asked = [() => small.code(), () => small.code()];
    const tried = await small.run(["dev", "terminate", ...together, "--yes", "--scoped"], { replies: asked });
    expect(tried).toMatchObject({ exitCode: 3 });
    expect(changesOf(tried)).toEqual([]);
  });
});

describe("what is found first", () => {
  it("is looked for by a session that may do nothing else, for one code", async () => {
    const [one] = addInstances(1);
    const replies = [() => world.code(), { pick: demand(one) }, "y"];
    const run = await world.run("dev terminate --scoped", { replies });
    expect(run).toMatchObject({ exitCode: 0 });
    const [listing, doing, ...more] = policiesOf(run).map(demand);
    expect(more).toEqual([]);
    expect(JSON.parse(demand(listing)).Statement).toEqual({
      Effect: "Allow",
      Action: "ec2:DescribeInstances",
      Resource: "*",
    });
    expect(idsIn(doing)).toEqual([one]);
    expect(run.operations.filter((each) => each === "GetSessionToken")).toHaveLength(1);
    expect(stateOf(demand(one))).toBe("terminated");
    expect(keptOf()).toEqual([]);
  });

  it("by a filter over several targets costs one code, and each session is its target's", async () => {
    const ids = addInstances(2);
    for (const id of ids) world.account(DEV).instances.get(id)?.tags.set("Scoped", "yes");
    const away = "i-0aaaaaaaaaaaaaaaa";
    const copy = demand(world.account(DEV).instances.get(demand(ids[0])));
    world.account("333333333333").instances.set(away, { ...copy, id: away });
    const line = "dev,staging terminate --filter tag:Scoped=yes --max 9 --yes --scoped --no-wait";
    const run = await world.run(`${line} -t ${world.code()}`);
    expect(run.operations.filter((each) => each === "GetSessionToken")).toHaveLength(1);
    const policies = policiesOf(run).map(demand);
    // Whichever target is there first.
    const named = policies.map((policy) => idsIn(policy).sort().join());
    expect(named.sort()).toEqual(["", "", ids.join(), away].sort());
    expect(ids.map((id) => stateOf(id))).not.toContain("running");
    expect(keptOf()).toEqual([]);
  });
});

describe("what only reads", () => {
  const config = () =>
    world.configFile(
      readFileSync(demand(world.env.AWS_CONFIG_FILE), "utf8").replace(
        /(\[profile (?:dev|staging)\]\n)/g,
        "$1assume_mfa_scope = action\n",
      ),
    );

  it.each([
    ["instances", ["ec2:DescribeInstances"], "*"],
    ["instances --all-regions", ["ec2:DescribeInstances", "ec2:DescribeRegions"], "*"],
    ["tables", ["dynamodb:ListTables"], "*"],
    ["table sessions", ["dynamodb:DescribeTable"], `arn:aws:dynamodb:${REGION}:${DEV}:table/sessions`],
  ])("%s is an action too", async (line, actions, resource) => {
    const run = await world.run(`dev-admin ${line} --scoped -t ${world.code()}`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(demand(policiesOf(run)[0])).Statement).toEqual({
      Effect: "Allow",
      Action: actions.length === 1 ? actions[0] : actions,
      Resource: resource,
    });
    expect(keptOf()).toEqual([]);
  });

  it("several targets cost one code", async () => {
    const run = await world.run(`dev,staging instances -o json -t ${world.code()}`, { env: config() });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(run.stdout)).toHaveLength(2);
    expect(policiesOf(run)).toHaveLength(2);
    expect(policiesOf(run)).not.toContain(undefined);
    expect(run.operations.filter((each) => each === "GetSessionToken")).toHaveLength(1);
    expect(keptOf()).toEqual([]);
  });

  it.each(["login", "whoami", "export"])(
    "%s is about the role's session itself, which --scoped can't narrow",
    async (action) => {
      const refused = await world.run(`dev ${action} --scoped -t ${world.code()}`, { isPayload: true });
      expect(refused).toMatchObject({ exitCode: 2, operations: [] });
      expect(refused.stderr).toContain("--scoped is for actions: this command is about the role's session itself");
      const run = await world.run(`dev ${action} -t ${world.code()}`, { env: config(), isPayload: true });
      expect(run).toMatchObject({ exitCode: 0 });
      expect(policiesOf(run)).toEqual([undefined]);
      expect(world.sessionFile).toBeDefined();
    },
  );
});

describe("policies of the user's own", () => {
  it("a document is refused, since AWS takes one", async () => {
    const [one] = addInstances(1);
    const policy = '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}';
    const line = ["dev", "terminate", demand(one), "--yes", "--policy", policy, "-t", world.code()];
    const run = await world.run([...line, "--scoped"]);
    expect(run).toMatchObject({ exitCode: 2, operations: [] });
    expect(run.stderr).toContain("--policy can't go with --scoped");
    const env = world.configWith(
      `\n[profile narrow]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nregion = ${REGION}\nassume_mfa_scope = action\n`,
    );
    const configured = await world.run(["narrow", ...line.slice(1)], { env });
    expect(configured).toMatchObject({ exitCode: 2, operations: [] });
    expect(configured.stderr).toMatch(/--policy can't go with assume_mfa_scope = action \(.*config:\d+\)/);
    // The role's ARN is no way round the profile's word.
    const byArn = await world.run([DEV_ROLE, ...line.slice(1), "--region", REGION, "--source-profile", "parent"], {
      env,
    });
    expect(byArn).toMatchObject({ exitCode: 2, operations: [] });
  });

  it("managed ones are refused, since they would widen the session", async () => {
    const [one] = addInstances(1);
    const arn = "arn:aws:iam::aws:policy/AdministratorAccess";
    const run = await world.run(`dev-admin terminate ${one} --yes --scoped --policy-arn ${arn} -t ${world.code()}`);
    expect(run).toMatchObject({ exitCode: 2, operations: [] });
    expect(run.stderr).toContain("--policy-arn can't go with --scoped");
  });
});

describe("--explain", () => {
  const explain = async (line: readonly string[]) => {
    const run = await world.run([...line, "--explain", "-o", "json"]);
    expect(run).toMatchObject({ exitCode: 0, operations: [] });
    return JSON.parse(run.stdout)[0].result;
  };

  it("says how many sessions there will be, of what size, and where none is kept", async () => {
    const ids = addInstances(60);
    const line = ["dev", "terminate", ...ids, "--scoped", "-t", world.code()];
    const told = await explain(line);
    expect(told.settings.scope).toEqual({ value: "action", origin: { kind: "option", option: "--scoped" } });
    expect(told.cachedSession).toMatchObject({ outcome: "off", reason: "a session for one action is kept nowhere" });
    expect(told.route).toMatchObject({ kind: "shared", reason: "one code serves several sessions", opensShared: true });
    expect(told.wouldFail).toEqual([]);
    const done = await world.run([...line, "--yes"]);
    expect(told.scopedSessions).toEqual(
      policiesOf(done).map((policy) => ({ resources: idsIn(policy).length, policyCharacters: policy?.length })),
    );
    const shown = await world.run([...line, "--explain"]);
    expect(shown.stdout).toMatch(/^may do +what the action needs +\(--scoped\)$/m);
    expect(shown.stdout).toMatch(/^allowed by +3 policies, of 1987 characters at most +\(for 60 resources\)$/m);
    // Its size stands in one place.
    expect(shown.stdout).not.toMatch(/^session policy/m);
  });

  it("shows one, and that of a list", async () => {
    expect((await explain(["dev", "instances", "--scoped"])).scopedSessions).toMatchObject([{ resources: 0 }]);
    const [one] = addInstances(1);
    const told = await explain(["dev", "terminate", demand(one), "--scoped", "-t", world.code()]);
    expect(told).toMatchObject({ route: { kind: "direct" }, scopedSessions: [{ resources: 1 }] });
    expect((await explain(["dev", "terminate", demand(one)])).scopedSessions).toBeNull();
    const picked = await world.run("dev terminate --scoped --explain");
    expect(picked.stdout).toMatch(/^allowed by +one policy of \d+ characters +\(for finding what it is about/m);
  });

  it("tells what would fail: too few codes, a command that is no action", async () => {
    const ids = addInstances(30);
    const direct = await explain(["dev", "terminate", ...ids, "--scoped", "--direct", "-t", world.code()]);
    expect(direct.wouldFail).toMatchObject([
      { code: "TOKEN_CODE_MISSING", message: expect.stringContaining("2 token codes") },
    ]);
    const login = await explain(["dev", "login", "--scoped", "-t", world.code()]);
    expect(login.wouldFail).toMatchObject([{ code: "USAGE" }]);
    expect(login.scopedSessions).toBeNull();
  });
});
