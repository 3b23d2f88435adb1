import type { ActionScope, IamNeed } from "../action.ts";
import { chunksOf } from "../at-most.ts";
import { notFoundError } from "../not-found.ts";
import { readPages } from "../paging.ts";
import type { Instance } from "./instance.ts";
import type { InstanceFilter } from "./instance-filters.ts";

/** Small enough that the first rows show soon, large enough that ten thousand take twenty calls. EC2 takes 5 to 1000. */
const PAGE_SIZE = 500;

/** DescribeInstances knows no narrower resource (AWS service authorization reference, EC2). */
export const LIST_INSTANCES_NEEDS: readonly IamNeed[] = [{ actions: ["ec2:DescribeInstances"], resources: ["*"] }];

/**
 * The account's EC2 instances in the scope's region, page by page as they arrive; with ids, exactly those, in their order.
 * @param ids checked by `checkInstanceIds`; empty for all
 * @param filters where no ids are given: those that match all of them
 * @throws NOT_FOUND naming the unknown ids and those that exist
 */
export async function* listInstances(
  scope: ActionScope,
  ids: readonly string[] = [],
  filters: readonly InstanceFilter[] = [],
): AsyncGenerator<readonly Instance[], void, void> {
  const [{ makeEc2 }, { findInstances }] = await Promise.all([
    import("./ec2-client.ts"),
    import("./find-instances.ts"),
  ]);
  const ec2 = makeEc2(scope);
  try {
    if (ids.length === 0) {
      const pages = readPages((nextToken) => ec2.describeInstances({ filters, pageSize: PAGE_SIZE }, nextToken));
      for await (const page of pages) yield page.instances;
      return;
    }
    const found = await findInstances(ec2, ids);
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length > 0) {
      const existing = ids.filter((id) => found.has(id));
      const { findElsewhere } = await import("./find-elsewhere.ts");
      throw notFoundError(missing, existing, { noun: "instance", nouns: "instances" }, scope, {
        whereabouts: await findElsewhere(scope, missing),
      });
    }
    const instances = ids.flatMap((id) => found.get(id) ?? []);
    for (const page of chunksOf(PAGE_SIZE, instances)) yield page;
  } finally {
    ec2.close();
  }
}
