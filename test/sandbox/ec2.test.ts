import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  paginateDescribeInstances,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { makeAccessKeyId, makeResourceId, makeSecretAccessKey } from "../../src/sandbox/identifiers.ts";
import type { Instance } from "../../src/sandbox/world.ts";
import { DEV, DEV_ROLE, demand, openHarness, PROD, PROD_ROLE, refusal } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const dev = harness.ec2(await harness.assume(DEV_ROLE, { DurationSeconds: 43_200 }));
const prod = harness.ec2(await harness.assume(PROD_ROLE));

const instancesOf = (accountId: string) => [...harness.account(accountId).instances.values()];
const named = (accountId: string, name: string): Instance =>
  demand(instancesOf(accountId).find(({ tags }) => tags.get("Name") === name));

/** A running instance more, in a zone. */
function launch(accountId: string, zone: string, changes: Partial<Instance> = {}): Instance {
  const instance: Instance = {
    ...named(accountId, "web-1"),
    id: makeResourceId("i"),
    reservationId: makeResourceId("r"),
    availabilityZone: zone,
    tags: new Map([["Name", "extra"]]),
    state: "running",
    nextState: undefined,
    stateReason: undefined,
    disableApiTermination: false,
    ...changes,
  };
  harness.account(accountId).instances.set(instance.id, instance);
  return instance;
}

const terminate = (client: typeof dev, ids: readonly string[], DryRun?: boolean) =>
  client.send(new TerminateInstancesCommand({ InstanceIds: [...ids], ...(DryRun === undefined ? {} : { DryRun }) }));

async function list(input: DescribeInstancesCommandInput, client = dev): Promise<string[]> {
  const { Reservations } = await client.send(new DescribeInstancesCommand(input));
  return (Reservations ?? []).flatMap(({ Instances }) => (Instances ?? []).map(({ InstanceId }) => demand(InstanceId)));
}

async function stateOf(id: string, client = dev): Promise<string | undefined> {
  const { Reservations } = await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations?.[0]?.Instances?.[0]?.State?.Name;
}

describe("the founding instances", () => {
  it("run in two zones, in each child account its own", async () => {
    for (const [accountId, client] of [
      [DEV, dev],
      [PROD, prod],
    ] as const) {
      const { Reservations } = await client.send(new DescribeInstancesCommand({}));
      const instances = (Reservations ?? []).flatMap(({ Instances }) => Instances ?? []);
      expect(instances.length).toBeGreaterThanOrEqual(3);
      expect(new Set(instances.map(({ Placement }) => Placement?.AvailabilityZone)).size).toBe(2);
      expect(instances.every(({ State }) => State?.Name === "running" && State.Code === 16)).toBe(true);
      expect(instances.map(({ InstanceId }) => InstanceId).sort()).toEqual(
        instancesOf(accountId)
          .map(({ id }) => id)
          .sort(),
      );
      expect(Reservations?.every(({ OwnerId }) => OwnerId === accountId)).toBe(true);
    }
  });

  it("are protected in one case, in prod", async () => {
    const protectedOnes = [DEV, "333333333333", PROD].flatMap((accountId) =>
      instancesOf(accountId).flatMap(({ disableApiTermination, tags }) =>
        disableApiTermination ? `${accountId} ${tags.get("Name")}` : [],
      ),
    );
    expect(protectedOnes).toEqual([`${PROD} database-1`]);
    const read = (client: typeof dev, InstanceId: string) =>
      client.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute: "disableApiTermination" }));
    expect((await read(prod, named(PROD, "database-1").id)).DisableApiTermination).toEqual({ Value: true });
    expect((await read(dev, named(DEV, "database-1").id)).DisableApiTermination).toEqual({ Value: false });
  });
});

describe("DescribeInstances", () => {
  it.each<[string, DescribeInstancesCommandInput["Filters"], string[]]>([
    ["a tag", [{ Name: "tag:Name", Values: ["web-1"] }], ["web-1"]],
    ["a wildcard", [{ Name: "tag:Name", Values: ["web-*"] }], ["web-1", "web-2"]],
    ["a question mark", [{ Name: "tag:Name", Values: ["web-?", "nothing"] }], ["web-1", "web-2"]],
    ["an escaped star", [{ Name: "tag:Name", Values: ["web-\\*"] }], []],
    ["another case", [{ Name: "tag:Name", Values: ["WEB-1"] }], []],
    [
      "two filters, which must both hold",
      [
        { Name: "tag:Name", Values: ["web-*"] },
        { Name: "availability-zone", Values: ["us-east-1b"] },
      ],
      ["web-2"],
    ],
    ["a type", [{ Name: "instance-type", Values: ["m6i.large"] }], ["worker-1"]],
    ["a state that nobody has", [{ Name: "instance-state-name", Values: ["stopped"] }], []],
    ["a tag's key", [{ Name: "tag-key", Values: ["Env"] }], ["database-1", "web-1", "web-2", "worker-1"]],
  ])("filters by %s", async (_name, Filters, expected) => {
    const ids = await list({ Filters: [...demand(Filters), { Name: "tag:Env", Values: ["prod"] }] }, prod);
    const names = instancesOf(PROD)
      .filter(({ id }) => ids.includes(id))
      .map(({ tags }) => tags.get("Name"));
    expect(names.sort()).toEqual(expected);
  });

  it("refuses a filter that is none", async () => {
    expect(await refusal(list({ Filters: [{ Name: "constructor", Values: ["x"] }] }))).toEqual({
      code: "InvalidParameterValue",
      status: 400,
      message: "The filter 'constructor' is invalid",
    });
  });

  it("sees nothing in another region", async () => {
    const elsewhere = harness.ec2(await harness.assume(DEV_ROLE), "eu-west-1");
    expect(await list({}, elsewhere)).toEqual([]);
    const { code } = await refusal(list({ InstanceIds: [named(DEV, "web-1").id] }, elsewhere));
    expect(code).toBe("InvalidInstanceID.NotFound");
  });

  it("sees nothing of another account", async () => {
    const foreign = named(PROD, "web-1").id;
    expect(await refusal(list({ InstanceIds: [foreign] }))).toEqual({
      code: "InvalidInstanceID.NotFound",
      status: 400,
      message: `The instance ID '${foreign}' does not exist`,
    });
  });

  it("names all ids that do not exist", async () => {
    const ids = [makeResourceId("i"), makeResourceId("i")];
    const { message } = await refusal(list({ InstanceIds: [...ids, named(DEV, "web-1").id] }));
    expect(message).toBe(`The instance IDs '${ids.join(", ")}' do not exist`);
  });

  it.each(["i-123", "web-1", "i-XYZ4567890abcdef0", "i-0123456789abcdef01"])("refuses the id %s", async (id) => {
    expect(await refusal(list({ InstanceIds: [id] }))).toEqual({
      code: "InvalidInstanceID.Malformed",
      status: 400,
      message: `Invalid id: "${id}"`,
    });
  });

  it("gives every instance once over pages, and refuses a marker of its own making or of another account", async () => {
    for (let count = 0; count < 20; count += 1) launch(DEV, "us-east-1a");
    const pages: number[] = [];
    const seen: string[] = [];
    let marker: string | undefined;
    for await (const page of paginateDescribeInstances({ client: dev, pageSize: 7 }, {})) {
      const ids = (page.Reservations ?? []).flatMap(({ Instances }) =>
        (Instances ?? []).map((each) => each.InstanceId),
      );
      pages.push(ids.length);
      seen.push(...ids.map(demand));
      marker ??= page.NextToken;
    }
    expect(pages).toEqual([7, 7, 7, 3]);
    expect(seen.sort()).toEqual(
      instancesOf(DEV)
        .map(({ id }) => id)
        .sort(),
    );
    const lie = { code: "InvalidParameterValue", status: 400, message: "Unable to parse pagination token" };
    expect(await refusal(list({ MaxResults: 7, NextToken: "MTA" }))).toEqual(lie);
    expect(await refusal(list({ MaxResults: 7, NextToken: demand(marker) }, prod))).toEqual(lie);
    for (const { id, tags } of instancesOf(DEV))
      if (tags.get("Name") === "extra") harness.account(DEV).instances.delete(id);
  });

  it("takes no page size with ids, and none below five", async () => {
    expect(await refusal(list({ MaxResults: 10, InstanceIds: [named(DEV, "web-1").id] }))).toMatchObject({
      code: "InvalidParameterCombination",
      message: "The parameter instancesSet cannot be used with the parameter maxResults",
    });
    expect(await refusal(list({ MaxResults: 4 }))).toMatchObject({
      code: "InvalidParameterValue",
      message: "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
    });
  });

  it("hands hostile tags over as they are, but for what XML has no character for", async () => {
    const hostile = "<b>&\"'\u001b[31m\u202e]]> \u{1f600}\ttab\nline";
    const { id } = launch(DEV, "us-east-1a", { tags: new Map([["Name", hostile]]) });
    const { Reservations } = await dev.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
    expect(Reservations?.[0]?.Instances?.[0]?.Tags).toEqual([
      { Key: "Name", Value: hostile.replace("\u001b", "\ufffd") },
    ]);
    harness.account(DEV).instances.delete(id);
  });
});

describe("TerminateInstances", () => {
  it("goes over shutting-down to terminated in a second, and may be repeated", async () => {
    const { id } = launch(DEV, "us-east-1a");
    expect((await terminate(dev, [id])).TerminatingInstances).toEqual([
      {
        InstanceId: id,
        PreviousState: { Code: 16, Name: "running" },
        CurrentState: { Code: 32, Name: "shutting-down" },
      },
    ]);
    expect(await stateOf(id)).toBe("shutting-down");
    sandbox.moveClock(1_000);
    expect(await stateOf(id)).toBe("terminated");
    expect((await terminate(dev, [id])).TerminatingInstances?.[0]).toMatchObject({
      PreviousState: { Code: 48, Name: "terminated" },
      CurrentState: { Code: 48, Name: "terminated" },
    });
    sandbox.moveClock(3_600_000);
    expect((await refusal(list({ InstanceIds: [id] }))).code).toBe("InvalidInstanceID.NotFound");
  });

  it("does nothing when one id does not exist", async () => {
    const { id } = launch(DEV, "us-east-1a");
    const unknown = makeResourceId("i");
    expect(await refusal(terminate(dev, [id, unknown]))).toEqual({
      code: "InvalidInstanceID.NotFound",
      status: 400,
      message: `The instance ID '${unknown}' does not exist`,
    });
    expect(await stateOf(id)).toBe("running");
  });

  it("terminates the zones without a protected instance, and reports failure", async () => {
    const client = harness.ec2(await harness.assume(PROD_ROLE));
    const held = named(PROD, "database-1");
    const sameZone = launch(PROD, held.availabilityZone);
    const otherZone = launch(PROD, "us-east-1a");
    expect(await refusal(terminate(client, [otherZone.id, sameZone.id, held.id]))).toEqual({
      code: "OperationNotPermitted",
      status: 400,
      message: `The instance '${held.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
    });
    expect(await stateOf(otherZone.id, client)).toBe("shutting-down");
    expect(await stateOf(sameZone.id, client)).toBe("running");
    expect(await stateOf(held.id, client)).toBe("running");
  });

  it("says of a dry run that it would go, protection or not, and changes nothing", async () => {
    const client = harness.ec2(await harness.assume(PROD_ROLE));
    const held = named(PROD, "database-1");
    expect(await refusal(terminate(client, [held.id], true))).toEqual({
      code: "DryRunOperation",
      status: 412,
      message: "Request would have succeeded, but DryRun flag is set.",
    });
    expect(await stateOf(held.id, client)).toBe("running");
  });

  it("takes a thousand ids in one call, and not one more", async () => {
    const fleet = Array.from({ length: 1_000 }, () => launch(DEV, "us-east-1a").id);
    expect((await terminate(dev, fleet)).TerminatingInstances).toHaveLength(1_000);
    expect((await refusal(terminate(dev, [...fleet, makeResourceId("i")]))).code).toBe("InvalidParameterValue");
    for (const id of fleet) harness.account(DEV).instances.delete(id);
  });

  it("is refused to a role whose policy does not allow it, dry or not", async () => {
    const role = harness.role(DEV);
    const founding = new Map(role.inlinePolicies);
    const { id } = launch(DEV, "us-east-1a");
    const arn = `arn:aws:ec2:us-east-1:${DEV}:instance/${id}`;
    const caller = `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`;
    role.inlinePolicies.set(
      "PrivilegedActionsRole",
      JSON.stringify({
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: "ec2:DescribeInstances", Resource: "*" },
      }),
    );
    try {
      for (const dryRun of [true, false]) {
        const answer = await refusal(terminate(dev, [id], dryRun));
        expect(answer).toMatchObject({ code: "UnauthorizedOperation", status: 403 });
        expect(answer.message).toMatch(
          /^You are not authorized to perform this operation\. User: (\S+) is not authorized to perform: ec2:TerminateInstances on resource: (\S+) because no identity-based policy allows the ec2:TerminateInstances action\. Encoded authorization failure message: [\w-]+$/,
        );
        expect(answer.message).toContain(`User: ${caller} is`);
        expect(answer.message).toContain(`resource: ${arn} because`);
      }
      role.inlinePolicies.set(
        "Deny",
        JSON.stringify({
          Version: "2012-10-17",
          Statement: { Effect: "Deny", Action: "*", Resource: "*" },
        }),
      );
      expect((await refusal(list({}))).message).toBe(
        `You are not authorized to perform this operation. User: ${caller} is not authorized to perform: ec2:DescribeInstances with an explicit deny in an identity-based policy`,
      );
    } finally {
      role.inlinePolicies.clear();
      for (const [name, text] of founding) role.inlinePolicies.set(name, text);
    }
    await terminate(dev, [id]);
  });

  it("is decided by the instance's tags where the policy asks for them", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Action: "ec2:TerminateInstances",
        Resource: "*",
        Condition: { StringEquals: { "aws:ResourceTag/Name": "extra" } },
      },
    });
    const scoped = harness.ec2(await harness.assume(DEV_ROLE, { Policy }));
    const other = launch(DEV, "us-east-1a", { tags: new Map([["Name", "other"]]) });
    const extra = launch(DEV, "us-east-1a");
    expect((await refusal(terminate(scoped, [other.id]))).message).toContain(
      "because no session policy allows the ec2:TerminateInstances action",
    );
    await terminate(scoped, [extra.id]);
    expect((await refusal(list({}, scoped))).message).toMatch(
      /because no session policy allows the ec2:DescribeInstances action$/,
    );
  });
});

describe("EC2's own words", () => {
  it("for keys of nobody and for a wrong secret", async () => {
    const words = {
      code: "AuthFailure",
      status: 401,
      message: "AWS was not able to validate the provided access credentials",
    };
    const stranger = { accessKeyId: makeAccessKeyId("AKIA"), secretAccessKey: makeSecretAccessKey() };
    expect(await refusal(list({}, harness.ec2(stranger)))).toEqual(words);
    const forged = { ...harness.keys("alice"), secretAccessKey: makeSecretAccessKey() };
    expect(await refusal(list({}, harness.ec2(forged)))).toEqual(words);
  });

  it("for a session that has ended, and for a wrong clock", async () => {
    const words = { code: "RequestExpired", status: 400, message: "Request has expired." };
    const client = harness.ec2(await harness.assume(DEV_ROLE, { DurationSeconds: 900 }));
    sandbox.moveClock(900_000);
    expect(await refusal(list({}, client))).toEqual(words);
    const skewed = await openHarness({ now: () => Date.now() + 600_000 });
    expect(await refusal(list({}, skewed.ec2(skewed.keys("alice"))))).toEqual(words);
  });

  it("for an attribute that it does not know", async () => {
    const input = { InstanceId: named(DEV, "web-1").id, Attribute: "toString" as "instanceType" };
    expect(await refusal(dev.send(new DescribeInstanceAttributeCommand(input)))).toMatchObject({
      code: "InvalidParameterValue",
      status: 400,
    });
  });
});
