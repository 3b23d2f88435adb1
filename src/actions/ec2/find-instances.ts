import { isRefusedWith } from "../action-errors.ts";
import { chunksOf } from "../at-most.ts";
import { readPages } from "../paging.ts";
import { type Ec2, type InstanceQuery, MAX_FILTER_VALUES } from "./ec2-client.ts";
import type { Instance } from "./instance.ts";

/** DescribeInstances and TerminateInstances both take this many ids (EC2 API reference). */
export const MAX_IDS_PER_CALL = 1000;

/**
 * The instances of these ids that exist, by id. One call per thousand ids; only where EC2 says that one of them is
 * unknown, which fails its call, they are asked for again through a filter, which does not fail.
 * An instance of another account is not in EC2's answer, and so counts as unknown.
 */
export async function findInstances(ec2: Ec2, ids: readonly string[]): Promise<ReadonlyMap<string, Instance>> {
  const found = new Map<string, Instance>();
  const read = async (query: InstanceQuery) => {
    for await (const page of readPages((nextToken) => ec2.describeInstances(query, nextToken))) {
      for (const instance of page.instances) found.set(instance.id, instance);
    }
  };
  for (const batch of chunksOf(MAX_IDS_PER_CALL, ids)) {
    try {
      await read({ ids: batch });
    } catch (error) {
      if (!isRefusedWith(error, "InvalidInstanceID.NotFound")) throw error;
      for (const part of chunksOf(MAX_FILTER_VALUES, batch)) await read({ idsThatMayExist: part });
    }
  }
  return found;
}
