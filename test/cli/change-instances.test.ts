import { beforeEach, describe, expect, it } from "vitest";
import type { Instance } from "../../src/sandbox/world.ts";
import { changesOf, DEV, demand, openCliWorld, PROD } from "../support/cli-world.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";

const world = await openCliWorld();

let serial = 0;
/** A fresh copy of the account's first instance. */
function addInstance(more: Partial<Instance> = {}, accountId = DEV): string {
  serial += 1;
  const id = `i-${serial.toString(16).padStart(17, "0")}`;
  const model = demand(world.instances(accountId)[0]);
  world.account(accountId).instances.set(id, {
    ...model,
    id,
    tags: new Map([["Name", `copy-${serial}`]]),
    state: "running",
    nextState: undefined,
    ...more,
  });
  return id;
}

const stateOf = (id: string) => world.account(DEV).instances.get(id)?.state;

beforeEach(async () => {
  world.newCache();
});

describe("stop, start and reboot", () => {
  it("a machine is stopped, started and rebooted, and each is reported for people", async () => {
    const id = addInstance();
    await world.login("dev-admin");
    const stopped = await world.run(["dev-admin", "stop", id, "--yes"]);
    expect(stopped).toMatchObject({ exitCode: 0 });
    expect(changesOf(stopped)).toEqual(["StopInstances"]);
    expect(stopped.stderr).toMatch(/ protected\n.* no\n/);
    expect(stopped.stdout).toMatch(
      new RegExp(`^id +name +before +now +outcome\n${id} +copy-\\d+ +running +stopped +done\n$`),
    );
    const started = await world.run(["dev-admin", "start", id, "--yes"]);
    expect(started.stdout).toMatch(new RegExp(`${id} +copy-\\d+ +stopped +running +done\n$`));
    // There is no protection from it to be shown.
    expect(started.stderr).not.toContain("protected");
    const rebooted = await world.run(["dev-admin", "reboot", id, "--yes"]);
    expect(changesOf(rebooted)).toEqual(["RebootInstances"]);
    expect(rebooted.stdout).toMatch(new RegExp(`${id} +copy-\\d+ +running +running +done +asked to reboot\n$`));
    expect(rebooted.stderr).not.toContain("protected");
  });

  it.each([
    ["stop", "running", "Stop 1 instance in dev-admin (account 222222222222)? [y/N] "],
    ["stop --force", "running", "Force-stop 1 instance in dev-admin (account 222222222222)? [y/N] "],
    ["stop --hibernate", "running", "Hibernate 1 instance in dev-admin (account 222222222222)? [y/N] "],
    ["start", "stopped", "Start 1 instance in dev-admin (account 222222222222)? [y/N] "],
    ["reboot", "running", "Reboot 1 instance in dev-admin (account 222222222222)? [y/N] "],
  ] as const)("%s asks, and Enter is No", async (words, state, question) => {
    const id = addInstance({ state });
    await world.login("dev-admin");
    const run = await world.run(["dev-admin", ...words.split(" "), id], { replies: [""] });
    expect(run).toMatchObject({ exitCode: 6, stdout: "", questions: [question] });
    expect(changesOf(run)).toEqual([]);
    expect(stateOf(id)).toBe(state);
  });

  it("--force and --hibernate together are exit 2, before anything is asked", async () => {
    const words = ["dev-admin", "stop", addInstance(), "--force", "--hibernate", "--yes", "-t", world.code()];
    expect(await world.run(words)).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
    const json = await world.run([...words, "-o", "json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "USAGE" } });
  });

  it("one in a state from which it can't be is exit 1, shown and explained, with nothing asked or done", async () => {
    const [up, ending] = [addInstance(), addInstance({ state: "shutting-down" })];
    const words = ["dev-admin", "stop", up, ending];
    const run = await world.run([...words, "-t", world.code()], { replies: [] });
    expect(run).toMatchObject({ exitCode: 1, stdout: "", questions: [] });
    expect(changesOf(run)).toEqual([]);
    expect(run.stderr).toMatch(new RegExp(`${ending} .* shutting-down`));
    expect(run.stderr).toMatch(
      new RegExp(
        `error: can't be stopped: ${ending} \\(copy-\\d+\\) is shutting-down; nothing was done\n.*hint: leave it out: only a running instance can be stopped\n`,
      ),
    );
    const json = await world.run([...words, "--yes", "-o", "json"]);
    expect(JSON.parse(json.stdout)[0].error).toMatchObject({
      code: "WRONG_STATE",
      states: { [ending]: "shutting-down" },
    });
  });

  it("one that is protected from stopping is exit 1", async () => {
    const id = addInstance({ disableApiStop: true });
    const run = await world.run(["dev-admin", "stop", id, "--yes", "-t", world.code()]);
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.stderr).toMatch(new RegExp(`error: ${id} \\(copy-\\d+\\) has stop protection; nothing was done`));
    expect(changesOf(run)).toEqual([]);
  });

  it.each([
    ["start", "stopped"],
    ["reboot", "running"],
  ] as const)("%s offers only instances in a fitting state", async (action, state) => {
    const fitting = addInstance({ state });
    const others = (["pending", "running", "stopping", "stopped", "shutting-down", "terminated"] as const)
      .filter((other) => other !== state)
      .map((other) => addInstance({ state: other }));
    const run = await world.run(["dev-admin", action, "-t", world.code()], { replies: [{ pick: fitting }, "n"] });
    expect(run.exitCode).toBe(6);
    expect(run.screen).toContain(fitting);
    for (const other of others) expect(run.screen).not.toContain(other);
  });

  it("stop --force offers one that is stuck in stopping, stop does not", async () => {
    const stuck = addInstance({ state: "stopping" });
    await world.login("dev-admin");
    const forced = await world.run("dev-admin stop --force", { replies: [{ pick: stuck }, "n"] });
    expect(forced.screen).toContain(stuck);
    const [running] = [addInstance()];
    const plain = await world.run("dev-admin stop", { replies: [{ pick: running }, "n"] });
    expect(plain.screen).not.toContain(stuck);
  });

  it("the role that may only terminate is told which permission is missing", async () => {
    const run = await world.run(["dev", "reboot", addInstance(), "--yes", "-t", world.code()]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain("hint: allow ec2:RebootInstances in the role's permissions policy");
  });
});

describe("an id that is elsewhere", () => {
  it("in another region of the account: the hint is what to type", async () => {
    const far = addInstance({ region: "eu-west-1" });
    await world.login("dev-admin");
    for (const action of ["stop", "instances"]) {
      const run = await world.run(["dev-admin", action, far, ...(action === "stop" ? ["--yes"] : [])]);
      expect(run).toMatchObject({ exitCode: 1, stdout: "" });
      expect(run.stderr).toContain(`hint: ${far} is in eu-west-1: --region eu-west-1\n`);
    }
    const there = await world.run(["dev-admin", "stop", far, "--yes", "--region", "eu-west-1"]);
    expect(there.exitCode).toBe(0);
  });

  it("in another account: told by the session that another target has, without a code or another AssumeRole", async () => {
    const foreign = addInstance({}, PROD);
    await world.login("dev");
    const before = await world.run(["dev", "terminate", foreign, "--yes"]);
    expect(before.stderr).toContain("hint: check the id, the region and the target\n");
    await world.login("prod");
    const run = await world.run(["dev", "terminate", foreign, "--yes"], { replies: [] });
    expect(run).toMatchObject({ exitCode: 1, stdout: "", questions: [] });
    expect(run.operations).not.toContain("AssumeRole");
    expect(changesOf(run)).toEqual([]);
    expect(run.stderr).toContain(`hint: ${foreign} is in account ${PROD}, us-east-1: target prod\n`);
    const json = await world.run(["dev", "terminate", foreign, "--yes", "-o", "json"]);
    expect(JSON.parse(json.stdout)[0].error.elsewhere).toEqual([
      { id: foreign, region: "us-east-1", account: PROD, target: "prod" },
    ]);
    // Another endpoint is another AWS: the id is not told to it.
    const proxy = await startFaultProxy(world.sandbox.endpoint);
    const elsewhere = ["--endpoint-url", proxy.url, "-t", world.code()];
    const other = await world.run(["dev", "terminate", foreign, "--yes", ...elsewhere], {
      env: { ASSUME_MFA_SANDBOX: undefined },
    });
    expect(other.stderr).toContain("hint: check the id, the region and the target\n");
    await proxy.close();
    // Nothing is read from the cache where that is not wanted.
    const words = ["dev", "terminate", foreign, "--yes", "--no-cache", "-t", world.code()];
    expect((await world.run(words)).stderr).toContain("hint: check the id, the region and the target\n");
  });
});
