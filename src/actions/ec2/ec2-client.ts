/**
 * The only file that calls EC2. Rules: reads may be sent three times, a call that changes something is sent once, over
 * a connection of its own, since one that lay idle while a person thought is often cut just as it is used again, and a
 * cut connection leaves open what was done. Every error leaves as `toActionError` makes it. Text from AWS leaves raw.
 */
import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  EC2Client,
  type Instance as SdkInstance,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { makeClientConfig } from "../../aws/client-config.ts";
import { type ActionScope, READ_ATTEMPTS } from "../action.ts";
import { isRefusedWith, toActionError } from "../action-errors.ts";
import { makeReading } from "../reading.ts";
import type { Instance } from "./instance.ts";

/** EC2 refuses a filter of more values (API reference, "Filter": 200 per request). */
export const MAX_FILTER_VALUES = 200;

export interface InstancePage {
  readonly instances: readonly Instance[];
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
}

/** Which instances: exactly these ids (an unknown one fails the call), those of these that exist, or all. */
export type InstanceQuery =
  | { readonly ids: readonly string[] }
  | { readonly idsThatMayExist: readonly string[] }
  | { readonly pageSize: number };

export interface StateChanges {
  /** By instance id, its state after the call. */
  readonly states: ReadonlyMap<string, string>;
  readonly requestId: string | undefined;
}

export interface Ec2 {
  describeInstances(query: InstanceQuery, nextToken: string | undefined): Promise<InstancePage>;
  isTerminationProtected(id: string): Promise<boolean>;
  terminateInstances(ids: readonly string[]): Promise<StateChanges>;
  /** Resolves when EC2 says that the call would have succeeded; throws its refusal otherwise. */
  tryTerminateInstances(ids: readonly string[]): Promise<void>;
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
            (reservation.Instances ?? []).map(toInstance),
          ),
          // Some emulators answer an empty token on the last page.
          nextToken: output.NextToken || undefined,
        };
      }),

    isTerminationProtected: (id) =>
      reading("ec2:DescribeInstanceAttribute", async (options) => {
        const command = new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute: "disableApiTermination" });
        const output = await reader.send(command, options);
        return output.DisableApiTermination?.Value === true;
      }),

    terminateInstances: (ids) =>
      writing("ec2:TerminateInstances", async (writer) => {
        const output = await writer.send(new TerminateInstancesCommand({ InstanceIds: [...ids] }));
        const states = new Map<string, string>();
        for (const { InstanceId, CurrentState } of output.TerminatingInstances ?? []) {
          if (InstanceId !== undefined) states.set(InstanceId, stateName(CurrentState));
        }
        return { states, requestId: output.$metadata.requestId };
      }),

    tryTerminateInstances: async (ids) => {
      try {
        await writing("ec2:TerminateInstances", (writer) =>
          writer.send(new TerminateInstancesCommand({ InstanceIds: [...ids], DryRun: true })),
        );
      } catch (error) {
        if (!isRefusedWith(error, "DryRunOperation")) throw error;
      }
    },

    close: () => reader.destroy(),
  };
}

function inputOf(query: InstanceQuery): DescribeInstancesCommandInput {
  if ("ids" in query) return { InstanceIds: [...query.ids] };
  if ("idsThatMayExist" in query) return { Filters: [{ Name: "instance-id", Values: [...query.idsThatMayExist] }] };
  return { MaxResults: query.pageSize };
}

function toInstance(instance: SdkInstance): Instance {
  const name = instance.Tags?.find((tag) => tag.Key === "Name")?.Value;
  return {
    id: instance.InstanceId ?? "",
    // An empty Name tag is as good as none.
    name: name || null,
    state: stateName(instance.State),
    type: instance.InstanceType ?? null,
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
