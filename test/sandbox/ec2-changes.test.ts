import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeRegionsCommand,
  DescribeTagsCommand,
  ModifyInstanceAttributeCommand,
  type ModifyInstanceAttributeCommandInput,
  RebootInstancesCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { makeResourceId } from "../../src/sandbox/identifiers.ts";
import { DEV, DEV_ROLE, demand, openHarness, refusal } from "./sandbox-harness.ts";

const harness = await openHarness();
const { sandbox } = harness;
const admin = harness.ec2(await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`, { DurationSeconds: 43_200 }));
const IMAGE = makeResourceId("ami");

async function run(input: Partial<RunInstancesCommandInput> = {}): Promise<string[]> {
  const { Instances } = await admin.send(
    new RunInstancesCommand({ ImageId: IMAGE, MinCount: 1, MaxCount: 1, ...input }),
  );
  return (Instances ?? []).map(({ InstanceId }) => demand(InstanceId));
}

async function runOne(input: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  const id = demand((await run(input))[0]);
  sandbox.moveClock(1_000);
  return id;
}

async function describeOne(id: string) {
  const { Reservations } = await admin.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return demand(Reservations?.[0]?.Instances?.[0]);
}

const stateOf = async (id: string) => (await describeOne(id)).State?.Name;
const modify = (InstanceId: string, input: Partial<ModifyInstanceAttributeCommandInput>) =>
  admin.send(new ModifyInstanceAttributeCommand({ InstanceId, ...input }));

describe("RunInstances", () => {
  it("gives pending instances that run a second later, with what was asked", async () => {
    const ids = await run({
      MaxCount: 3,
      InstanceType: "m6i.large",
      Placement: { AvailabilityZone: "us-east-1c" },
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "fleet" }] }],
    });
    expect(ids).toHaveLength(3);
    expect(await stateOf(demand(ids[0]))).toBe("pending");
    sandbox.moveClock(1_000);
    expect(await describeOne(demand(ids[2]))).toMatchObject({
      State: { Code: 16, Name: "running" },
      InstanceType: "m6i.large",
      Placement: { AvailabilityZone: "us-east-1c" },
      Tags: [{ Key: "Name", Value: "fleet" }],
      AmiLaunchIndex: 2,
      ImageId: IMAGE,
    });
  });

  it("is idempotent by the client's token", async () => {
    const ClientToken = "the-same-token";
    expect(await run({ ClientToken })).toEqual(await run({ ClientToken }));
  });

  it.each<[string, Partial<RunInstancesCommandInput>]>([
    ["more instances", { MinCount: 2, MaxCount: 3 }],
    ["another type", { InstanceType: "m6i.large" }],
    ["a tag", { TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "x" }] }] }],
    ["protection", { DisableApiTermination: true }],
  ])("refuses the client's token of an earlier call with %s, and launches nothing", async (name, input) => {
    const ClientToken = `once ${name}`;
    const ids = await run({ ClientToken });
    const before = harness.account(DEV).instances.size;
    expect(await refusal(run({ ClientToken, ...input }))).toEqual({
      code: "IdempotentParameterMismatch",
      status: 400,
      message: "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    });
    expect(harness.account(DEV).instances.size).toBe(before);
    // What became of the instance since is no matter.
    await modify(demand(ids[0]), { DisableApiTermination: { Value: true } });
    expect(await run({ ClientToken })).toEqual(ids);
  });

  it("takes a client's token once in each zone that is named", async () => {
    const inZone = (zone: string) => run({ ClientToken: "zonal", Placement: { AvailabilityZone: `us-east-1${zone}` } });
    const first = await inZone("a");
    expect(await inZone("b")).not.toEqual(first);
    expect(await inZone("a")).toEqual(first);
  });

  it.each<[string, Partial<RunInstancesCommandInput>, string]>([
    ["an image that is none", { ImageId: "debian" }, "InvalidAMIID.Malformed"],
    ["no instance at all", { MinCount: 0 }, "InvalidParameterValue"],
    ["a least above the most", { MinCount: 3, MaxCount: 2 }, "InvalidParameterValue"],
    ["a zone of another region", { Placement: { AvailabilityZone: "eu-west-1a" } }, "InvalidParameterValue"],
    [
      "a reserved tag",
      { TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "aws:x", Value: "y" }] }] },
      "InvalidParameterValue",
    ],
    ["a dry run", { DryRun: true }, "DryRunOperation"],
  ])("launches nothing for %s", async (_name, input, code) => {
    const before = harness.account(DEV).instances.size;
    expect((await refusal(run(input))).code).toBe(code);
    expect(harness.account(DEV).instances.size).toBe(before);
  });

  it("is not for the privileged role, and tags need a permission of their own", async () => {
    const launch = (keys: Parameters<typeof harness.ec2>[0]) =>
      harness.ec2(keys).send(
        new RunInstancesCommand({
          ImageId: IMAGE,
          MinCount: 1,
          MaxCount: 1,
          TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "Name", Value: "x" }] }],
        }),
      );
    expect((await refusal(launch(await harness.assume(DEV_ROLE)))).message).toMatch(
      /perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:222222222222:instance\/\* because/,
    );
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "ec2:RunInstances", Resource: "*" },
    });
    const untagging = await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`, { Policy });
    expect((await refusal(launch(untagging))).message).toMatch(/perform: ec2:CreateTags on resource/);
  });
});

describe("StopInstances and StartInstances", () => {
  it("go over stopping to stopped and back over pending, and may be repeated", async () => {
    const id = await runOne();
    const stop = () => admin.send(new StopInstancesCommand({ InstanceIds: [id] }));
    const start = () => admin.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect((await stop()).StoppingInstances?.[0]).toMatchObject({
      CurrentState: { Code: 64 },
      PreviousState: { Code: 16 },
    });
    expect(await refusal(start())).toEqual({
      code: "IncorrectInstanceState",
      status: 400,
      message: `This instance '${id}' is not in a state from which it can be started.`,
    });
    sandbox.moveClock(1_000);
    expect(await describeOne(id)).toMatchObject({
      State: { Code: 80, Name: "stopped" },
      StateReason: { Code: "Client.UserInitiatedShutdown" },
    });
    expect((await stop()).StoppingInstances?.[0]).toMatchObject({
      CurrentState: { Code: 80 },
      PreviousState: { Code: 80 },
    });
    const before = (await describeOne(id)).LaunchTime;
    expect((await start()).StartingInstances?.[0]).toMatchObject({
      CurrentState: { Code: 0 },
      PreviousState: { Code: 80 },
    });
    sandbox.moveClock(1_000);
    const running = await describeOne(id);
    expect(running).toMatchObject({ State: { Name: "running" } });
    expect(running.StateReason).toBeUndefined();
    expect(demand(running.LaunchTime).getTime()).toBeGreaterThan(demand(before).getTime());
    expect((await start()).StartingInstances?.[0]).toMatchObject({
      CurrentState: { Code: 16 },
      PreviousState: { Code: 16 },
    });
  });

  it("are all or nothing", async () => {
    const [good, ended] = [await runOne(), await runOne()];
    await admin.send(new TerminateInstancesCommand({ InstanceIds: [ended] }));
    const refused = await refusal(admin.send(new StopInstancesCommand({ InstanceIds: [good, ended] })));
    expect(refused.code).toBe("IncorrectInstanceState");
    expect(await stateOf(good)).toBe("running");
  });

  it("do not stop what never ran", async () => {
    const id = demand((await run())[0]);
    expect(await refusal(admin.send(new StopInstancesCommand({ InstanceIds: [id], Force: true })))).toEqual({
      code: "IncorrectInstanceState",
      status: 400,
      message: `Instance '${id}' cannot be stopped as it has never reached the 'running' state.`,
    });
    expect(await stateOf(id)).toBe("pending");
  });

  it("keep to stop protection, with force too", async () => {
    const id = await runOne({ DisableApiStop: true });
    for (const Force of [false, true]) {
      expect(await refusal(admin.send(new StopInstancesCommand({ InstanceIds: [id], Force })))).toEqual({
        code: "OperationNotPermitted",
        status: 400,
        message: `The instance '${id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.`,
      });
    }
    await modify(id, { DisableApiStop: { Value: false } });
    await admin.send(new StopInstancesCommand({ InstanceIds: [id], Force: true }));
    expect(await stateOf(id)).toBe("stopping");
  });

  it("hibernate only what was launched for it", async () => {
    const plain = await runOne();
    const sleeper = await runOne({ HibernationOptions: { Configured: true } });
    const hibernate = (id: string) => admin.send(new StopInstancesCommand({ InstanceIds: [id], Hibernate: true }));
    expect((await refusal(hibernate(plain))).code).toBe("UnsupportedHibernationConfiguration");
    await hibernate(sleeper);
    expect((await describeOne(sleeper)).StateReason?.Code).toBe("Client.UserInitiatedHibernate");
  });

  it("and reboot take DryRun, and permissions", async () => {
    const id = await runOne();
    const input = { InstanceIds: [id], DryRun: true };
    const commands = [
      () => new StopInstancesCommand(input),
      () => new StartInstancesCommand(input),
      () => new RebootInstancesCommand(input),
    ];
    const role = harness.ec2(await harness.assume(DEV_ROLE));
    for (const command of commands) {
      expect(await refusal(admin.send(command() as StopInstancesCommand))).toMatchObject({
        code: "DryRunOperation",
        status: 412,
      });
      expect(await refusal(role.send(command() as StopInstancesCommand))).toMatchObject({
        code: "UnauthorizedOperation",
        status: 403,
      });
    }
    expect(await stateOf(id)).toBe("running");
  });

  it("reboot what runs, and nothing else", async () => {
    const id = await runOne();
    await admin.send(new RebootInstancesCommand({ InstanceIds: [id] }));
    expect(await stateOf(id)).toBe("running");
    await admin.send(new StopInstancesCommand({ InstanceIds: [id] }));
    expect((await refusal(admin.send(new RebootInstancesCommand({ InstanceIds: [id] })))).code).toBe(
      "IncorrectInstanceState",
    );
  });
});

describe("attributes", () => {
  it("are changed one at a time; protection holds until it is off", async () => {
    const id = await runOne();
    await modify(id, { DisableApiTermination: { Value: true } });
    const terminate = () => admin.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect((await refusal(terminate())).code).toBe("OperationNotPermitted");
    await modify(id, { Attribute: "disableApiTermination", Value: "false" });
    await terminate();
    expect(
      (await refusal(modify(id, { DisableApiStop: { Value: true }, DisableApiTermination: { Value: true } }))).code,
    ).toBe("InvalidParameterCombination");
    expect((await refusal(modify(id, {}))).code).toBe("InvalidParameterCombination");
  });

  it("of the type wait for a stopped instance", async () => {
    const id = await runOne();
    const resize = () => modify(id, { InstanceType: { Value: "m6i.2xlarge" } });
    expect((await refusal(resize())).code).toBe("IncorrectInstanceState");
    await admin.send(new StopInstancesCommand({ InstanceIds: [id] }));
    sandbox.moveClock(1_000);
    await resize();
    const read = await admin.send(new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: "instanceType" }));
    expect(read.InstanceType).toEqual({ Value: "m6i.2xlarge" });
  });
});

describe("tags, statuses, regions and zones", () => {
  it("are put on instances, read and taken off", async () => {
    const id = await runOne();
    const Resources = [id];
    const read = async () => {
      const { Tags } = await admin.send(new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: [id] }] }));
      return (Tags ?? []).map(({ Key, Value, ResourceType }) => `${ResourceType} ${Key}=${Value}`);
    };
    await admin.send(
      new CreateTagsCommand({
        Resources,
        Tags: [
          { Key: "Name", Value: "one" },
          { Key: "Env", Value: "test" },
        ],
      }),
    );
    await admin.send(new CreateTagsCommand({ Resources, Tags: [{ Key: "Name", Value: "two" }] }));
    expect(await read()).toEqual(["instance Name=two", "instance Env=test"]);
    await admin.send(new DeleteTagsCommand({ Resources, Tags: [{ Key: "Name", Value: "other" }, { Key: "Env" }] }));
    expect(await read()).toEqual(["instance Name=two"]);
    const many = Array.from({ length: 50 }, (_, number) => ({ Key: `k${number}`, Value: "" }));
    expect((await refusal(admin.send(new CreateTagsCommand({ Resources, Tags: many })))).code).toBe("TagLimitExceeded");
    expect(
      (await refusal(admin.send(new CreateTagsCommand({ Resources: ["vol-1"], Tags: [{ Key: "a", Value: "b" }] }))))
        .code,
    ).toBe("InvalidID");
  });

  it("are ok for what runs, and there for the rest when asked", async () => {
    const id = await runOne();
    const read = async (IncludeAllInstances: boolean) =>
      (await admin.send(new DescribeInstanceStatusCommand({ InstanceIds: [id], IncludeAllInstances })))
        .InstanceStatuses;
    expect((await read(false))?.[0]).toMatchObject({
      InstanceStatus: { Status: "ok" },
      SystemStatus: { Status: "ok" },
    });
    await admin.send(new StopInstancesCommand({ InstanceIds: [id] }));
    expect(await read(false)).toEqual([]);
    expect((await read(true))?.[0]).toMatchObject({ InstanceState: { Name: "stopping" } });
  });

  it("are seventeen that everyone has, and more with AllRegions", async () => {
    const names = async (AllRegions: boolean) =>
      (await admin.send(new DescribeRegionsCommand({ AllRegions }))).Regions?.map(({ RegionName }) => RegionName) ?? [];
    expect(await names(false)).toHaveLength(17);
    expect(await names(false)).toContain("us-east-1");
    expect(await names(true)).toContain("me-south-1");
    const { AvailabilityZones } = await admin.send(new DescribeAvailabilityZonesCommand({}));
    expect(AvailabilityZones?.map(({ ZoneName, ZoneId }) => `${ZoneName} ${ZoneId}`)).toEqual([
      "us-east-1a use1-az1",
      "us-east-1b use1-az2",
      "us-east-1c use1-az3",
    ]);
  });
});
