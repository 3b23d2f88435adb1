import { createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findElsewhere } from "../../../src/actions/ec2/find-elsewhere.ts";
import { listInstances } from "../../../src/actions/ec2/instances.ts";
import { terminate } from "../../../src/actions/ec2/terminate.ts";
import type { TestScope } from "../../support/action-scope.ts";
import { runAndTell } from "../../support/destructive-run.ts";
import { type SandboxSession, startSandboxSession } from "../../support/sandbox-session.ts";

const UNKNOWN_ID = "i-0fffffffffffffff0";
const LOOKING = ["ec2:DescribeInstances", "ec2:DescribeInstanceAttribute", "ec2:DescribeRegions"];

let session: SandboxSession;
let scope: TestScope;

beforeAll(async () => {
  session = await startSandboxSession();
});

afterAll(() => session.close());

beforeEach(async () => {
  session.allow("dev", "ec2:TerminateInstances", ...LOOKING);
  session.allow("prod", ...LOOKING);
  scope = await session.scope("dev");
  session.forget();
});

/** In the order in which they were asked for this very id. */
const regionsAsked = (id: string) =>
  session.sandbox.calls
    .filter(({ operation, parameters }) => {
      return operation === "DescribeInstances" && Object.values(parameters).includes(id);
    })
    .map(({ region }) => region);

describe("an id that is in another region", () => {
  it("stops the run as before, and the hint says where it is", async () => {
    const [far = "", alsoFar = ""] = session.addInstances("dev", 2, { region: "eu-west-1" });
    const [near = ""] = session.addInstances("dev", 1);
    const told = await runAndTell(terminate, [near, far, alsoFar], scope);
    expect(told.events).toEqual([]);
    expect(told.thrown).toMatchObject({
      code: "NOT_FOUND",
      exitCode: 1,
      message: `no instances ${far}, ${alsoFar} in us-east-1 of account 222222222222; nothing was done`,
      hints: [`${far}, ${alsoFar} are in eu-west-1: --region eu-west-1`, `this one exists: ${near}`],
      details: {
        missing: [far, alsoFar],
        existing: [near],
        elsewhere: [
          { id: far, region: "eu-west-1" },
          { id: alsoFar, region: "eu-west-1" },
        ],
      },
    });
    expect(session.changes()).toEqual([]);
  });

  it("is found where only instances are listed too", async () => {
    const [far = ""] = session.addInstances("dev", 1, { region: "ap-south-1" });
    const reading = async () => {
      for await (const _ of listInstances(scope, [far]));
    };
    await expect(reading()).rejects.toMatchObject({
      code: "NOT_FOUND",
      hints: [`${far} is in ap-south-1: --region ap-south-1`],
    });
  });

  it("is looked for once in each region of the account but this one, ten at once at most", async () => {
    let [now, most] = [0, 0];
    session.proxy.whenAsked("DescribeInstances", () => {
      most = Math.max(most, ++now);
      setTimeout(() => now--, 20);
    });
    expect(await findElsewhere(scope, [UNKNOWN_ID])).toEqual([]);
    session.proxy.whenAsked("DescribeInstances", () => {});
    const asked = regionsAsked(UNKNOWN_ID);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked).toContain("eu-west-1");
    expect(asked).not.toContain("us-east-1");
    expect(asked.length).toBe(16);
    expect(most).toBeLessThanOrEqual(10);
  });

  it.each([
    ["regions may not be listed", ["ec2:DescribeInstances", "ec2:TerminateInstances"]],
    ["nothing may be described there", ["ec2:DescribeRegions"]],
  ])("goes unsaid, without a note, where %s", async (_what, allowed) => {
    const [far = ""] = session.addInstances("dev", 1, { region: "eu-west-1" });
    session.allow("dev", ...allowed);
    expect(await findElsewhere(scope, [far])).toEqual([]);
    if (!allowed.includes("ec2:DescribeInstances")) return;
    const told = await runAndTell(terminate, [far], scope);
    expect(told.thrown).toMatchObject({ code: "NOT_FOUND", hint: "check the id, the region and the target" });
    expect(told.notes).toEqual([]);
  });

  it("goes unsaid where the network fails on the way", async () => {
    const [far = ""] = session.addInstances("dev", 1, { region: "eu-west-1" });
    session.proxy.break("DescribeRegions", { kind: "cut-reply", at: "body" });
    expect(await findElsewhere(scope, [far])).toEqual([]);
    session.proxy.break("DescribeRegions", { kind: "cut-reply", at: "body" }, 0);
  });

  it("takes ten seconds at most, whatever does not answer", { timeout: 20_000 }, async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const endpoint = `http://127.0.0.1:${port}`;
    const startedAt = performance.now();
    const found = await findElsewhere(
      { ...scope, clientSettings: (service, attempts) => ({ ...scope.clientSettings(service, attempts), endpoint }) },
      [UNKNOWN_ID],
    );
    const tookMs = performance.now() - startedAt;
    silent.close();
    expect(found).toEqual([]);
    expect(tookMs).toBeGreaterThan(5_000);
    expect(tookMs).toBeLessThan(11_000);
  });
});

describe("an id of another account", () => {
  it("is told where a session for that account is at hand, in the same region", async () => {
    const prod = await session.scope("prod");
    const [foreign = ""] = session.instances("prod").map(({ id }) => id);
    const [elsewhere = ""] = session.addInstances("prod", 1, { region: "eu-west-1" });
    const others = { ...prod, target: { ...prod.target, name: "prod" } };
    session.forget();
    const known = { ...scope, otherAccounts: async () => [others] };
    const told = await runAndTell(terminate, [foreign, elsewhere], known);
    expect(told.thrown).toMatchObject({
      code: "NOT_FOUND",
      hints: [`${foreign} is in account 444444444444, us-east-1: target prod`],
      details: { elsewhere: [{ id: foreign, region: "us-east-1", account: "444444444444", target: "prod" }] },
    });
    expect(session.changes()).toEqual([]);
  });

  it("is plainly not found where there is none, and where what is at hand can't be read", async () => {
    const [foreign = ""] = session.instances("prod").map(({ id }) => id);
    const hint = "check the id, the region and the target";
    expect((await runAndTell(terminate, [foreign], scope)).thrown).toMatchObject({ code: "NOT_FOUND", hint });
    const broken = { ...scope, otherAccounts: async () => Promise.reject(new Error("unreadable")) };
    expect((await runAndTell(terminate, [foreign], broken)).thrown).toMatchObject({ code: "NOT_FOUND", hint });
  });
});
