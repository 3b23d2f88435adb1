/**
 * The only file that calls EC2. Rules: reads may be sent three times, a call that changes something is sent once, over
 * a connection of its own, since one that lay idle while a person thought is often cut just as it is used again, and a
 * cut connection leaves open what was done. Every error leaves as `toActionError` makes it. Text from AWS leaves raw.
 */
import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  DescribeRegionsCommand,
  EC2Client,
  type InstanceStateChange,
  RebootInstancesCommand,
  type Instance as SdkInstance,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { makeClientConfig } from "../../aws/client-config.ts";
import { type ActionScope, READ_ATTEMPTS } from "../action.ts";
import { isRefusedWith, toActionError } from "../action-errors.ts";
import { makeReading } from "../reading.ts";
import type { Instance } from "./instance.ts";
import type { InstanceFilter } from "./instance-filters.ts";

/** EC2 refuses a filter of more values (API reference, "Filter": 200 per request). */
export const MAX_FILTER_VALUES = 200;

export interface InstancePage {
  readonly instances: readonly Instance[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** Which instances: exactly these ids (an unknown one fails the call), those of these that exist, or all that match. */
export type InstanceQuery =
  | { readonly ids: readonly string[] }
  | { readonly idsThatMayExist: readonly string[] }
  | { readonly pageSize: number; readonly filters?: readonly InstanceFilter[] };

/** A call that changes instances, each by the name of its API operation and of the IAM action that allows it. */
export type InstanceCall =
  | { readonly operation: "TerminateInstances" | "StartInstances" | "RebootInstances" }
  | { readonly operation: "StopInstances"; readonly force: boolean; readonly hibernate: boolean };

/** The attributes by which an instance is protected from a call. */
export type ProtectionAttribute = "disableApiTermination" | "disableApiStop";

export interface StateChanges {
  /** By instance id, its state after the call. Empty where the reply names none. */
  readonly states: ReadonlyMap<string, string>;
  readonly requestId: string | undefined;
}

export interface Ec2 {
  describeInstances(query: InstanceQuery, nextToken: string | undefined): Promise<InstancePage>;
  /** @returns by id, why each is in its state, in EC2's words; ids without a reason are left out */
  describeStateReasons(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  isProtected(id: string, attribute: ProtectionAttribute): Promise<boolean>;
  /** @returns those that are enabled for the account */
  describeRegions(): Promise<readonly string[]>;
  changeInstances(call: InstanceCall, ids: readonly string[]): Promise<StateChanges>;
  /** Resolves when EC2 says that the call would have succeeded; throws its refusal otherwise. */
  tryInstances(call: InstanceCall, ids: readonly string[]): Promise<void>;
  close(): void;
}

export function makeEc2(scope: ActionScope): Ec2 {
  const readSettings = scope.clientSettings("ec2", READ_ATTEMPTS);
  const writeSettings = scope.clientSettings("ec2", 1);
  const now = () => scope.clock.now();
  const reader = new EC2Client(makeClientConfig(readSettings));

  const reading = makeReading(readSettings, now);

  async function writing<T>(iamAction: string, send: (writer: EC2Client) => Promise<T>): Promise<T> {
    const writer = new EC2Client(makeClientConfig(writeSettings));
    try {
      return await send(writer);
    } catch (error) {
      throw toActionError(error, { iamAction, settings: writeSettings, mutates: true, now });
    } finally {
      writer.destroy();
    }
  }

  return {
    describeInstances: (query, nextToken) =>
      reading("ec2:DescribeInstances", async (options) => {
        const command = new DescribeInstancesCommand({ ...inputOf(query), NextToken: nextToken });
        const output = await reader.send(command, options);
        return {
          instances: (output.Reservations ?? []).flatMap((reservation) =>
            (reservation.Instances ?? []).map((one) => toInstance(one, readSettings.region)),
          ),
          // Some emulators answer an empty token on the last page.
          nextToken: output.NextToken || undefined,
        };
      }),

    describeStateReasons: (ids) =>
      reading("ec2:DescribeInstances", async (options) => {
        const output = await reader.send(new DescribeInstancesCommand({ InstanceIds: [...ids] }), options);
        const instances = (output.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []);
        return new Map(
          instances.flatMap(({ InstanceId = "", StateReason }) =>
            StateReason?.Message ? [[InstanceId, StateReason.Message]] : [],
          ),
        );
      }),

    isProtected: (id, attribute) =>
      reading("ec2:DescribeInstanceAttribute", async (options) => {
        const command = new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: attribute });
        const output = await reader.send(command, options);
        const flag = attribute === "disableApiStop" ? output.DisableApiStop : output.DisableApiTermination;
        return flag?.Value === true;
      }),

    describeRegions: () =>
      reading("ec2:DescribeRegions", async (options) => {
        const output = await reader.send(new DescribeRegionsCommand({}), options);
        return (output.Regions ?? []).flatMap(({ RegionName }) => RegionName ?? []);
      }),

    changeInstances: (call, ids) =>
      writing(`ec2:${call.operation}`, async (writer) => {
        const { changes, requestId } = await sendCall(writer, call, { InstanceIds: [...ids] });
        const states = new Map<string, string>();
        for (const { InstanceId, CurrentState } of changes ?? []) {
          if (InstanceId !== undefined) states.set(InstanceId, stateName(CurrentState));
        }
        return { states, requestId };
      }),

    tryInstances: async (call, ids) => {
      try {
        await writing(`ec2:${call.operation}`, (writer) =>
          sendCall(writer, call, { InstanceIds: [...ids], DryRun: true }),
        );
      } catch (error) {
        if (!isRefusedWith(error, "DryRunOperation")) throw error;
      }
    },

    close: () => reader.destroy(),
  };
}

interface CallInput {
  readonly InstanceIds: string[];
  readonly DryRun?: boolean;
}

interface CallOutput {
  readonly changes: readonly InstanceStateChange[] | undefined;
  readonly requestId: string | undefined;
}

async function sendCall(writer: EC2Client, call: InstanceCall, input: CallInput): Promise<CallOutput> {
  switch (call.operation) {
    case "TerminateInstances": {
      const { TerminatingInstances, $metadata } = await writer.send(new TerminateInstancesCommand(input));
      return { changes: TerminatingInstances, requestId: $metadata.requestId };
    }
    case "StopInstances": {
      const { force, hibernate } = call;
      const flags = { ...(force ? { Force: true } : {}), ...(hibernate ? { Hibernate: true } : {}) };
      const { StoppingInstances, $metadata } = await writer.send(new StopInstancesCommand({ ...input, ...flags }));
      return { changes: StoppingInstances, requestId: $metadata.requestId };
    }
    case "StartInstances": {
      const { StartingInstances, $metadata } = await writer.send(new StartInstancesCommand(input));
      return { changes: StartingInstances, requestId: $metadata.requestId };
    }
    case "RebootInstances": {
      const { $metadata } = await writer.send(new RebootInstancesCommand(input));
      return { changes: undefined, requestId: $metadata.requestId };
    }
  }
}

function inputOf(query: InstanceQuery): DescribeInstancesCommandInput {
  if ("ids" in query) return { InstanceIds: [...query.ids] };
  if ("idsThatMayExist" in query) return { Filters: [{ Name: "instance-id", Values: [...query.idsThatMayExist] }] };
  const { pageSize, filters = [] } = query;
  if (filters.length === 0) return { MaxResults: pageSize };
  return { MaxResults: pageSize, Filters: filters.map(({ name, values }) => ({ Name: name, Values: [...values] })) };
}

function toInstance(instance: SdkInstance, region: string): Instance {
  const name = instance.Tags?.find((tag) => tag.Key === "Name")?.Value;
  return {
    id: instance.InstanceId ?? "",
    // An empty Name tag is as good as none.
    name: name || null,
    state: stateName(instance.State),
    type: instance.InstanceType ?? null,
    region,
    zone: instance.Placement?.AvailabilityZone ?? null,
    launchedAt: instance.LaunchTime?.toISOString() ?? null,
    privateIp: instance.PrivateIpAddress ?? null,
    publicIp: instance.PublicIpAddress ?? null,
  };
}

const STATE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, "pending"],
  [16, "running"],
  [32, "shutting-down"],
  [48, "terminated"],
  [64, "stopping"],
  [80, "stopped"],
]);

/** By the code, whose high byte is EC2's own business (API reference, "InstanceState"); else by the name. */
function stateName(
  state: { readonly Code?: number | undefined; readonly Name?: string | undefined } | undefined,
): string {
  const byCode = state?.Code === undefined ? undefined : STATE_NAMES.get(state.Code & 0xff);
  return byCode ?? state?.Name ?? "unknown";
}
