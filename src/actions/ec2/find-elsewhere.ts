import type { ActionScope, Whereabouts } from "../action.ts";
import { mapAtMost } from "../at-most.ts";
import { inRegion, isRegionName } from "../in-region.ts";
import { readPages } from "../paging.ts";

/** Regions and accounts that are asked at once. */
const ASKED_AT_ONCE = 10;
/** All of it is over by then: it only makes an error's hint better. */
const TIME_LIMIT_MS = 10_000;

/**
 * Looks for instances that the scope's region has not: in the account's other regions, where the role may list these,
 * and in the same region of other accounts that a session is at hand for. As far as it can be seen within the time
 * limit: what is denied or does not answer is passed over.
 * @param missing checked by `checkInstanceIds`
 * @returns those that were found, in no order. Never throws
 */
export async function findElsewhere(scope: ActionScope, missing: readonly string[]): Promise<readonly Whereabouts[]> {
  const { makeEc2, MAX_FILTER_VALUES } = await import("./ec2-client.ts");
  const ids = missing.slice(0, MAX_FILTER_VALUES);
  const found = new Map<string, Whereabouts>();
  const deadline = AbortSignal.timeout(TIME_LIMIT_MS);
  const clients = new Set<ReturnType<typeof makeEc2>>();
  let endEarly = () => {};
  const isOver = new Promise<void>((resolve) => {
    endEarly = resolve;
    deadline.addEventListener("abort", () => resolve());
  });

  async function asking<T>(place: ActionScope, ask: (ec2: ReturnType<typeof makeEc2>) => Promise<T>) {
    if (deadline.aborted || found.size === ids.length) return undefined;
    const once = { ...place, clientSettings: (service: "ec2") => place.clientSettings(service, 1) };
    const ec2 = makeEc2(once as ActionScope);
    clients.add(ec2);
    try {
      return await ask(ec2);
    } catch {
      return undefined;
    } finally {
      ec2.close();
      clients.delete(ec2);
    }
  }

  const look = (place: ActionScope, elsewhere: Whereabouts["elsewhere"]) =>
    asking(place, async (ec2) => {
      for await (const page of readPages((token) => ec2.describeInstances({ idsThatMayExist: ids }, token))) {
        for (const { id } of page.instances) {
          if (ids.includes(id)) found.set(id, { id, region: place.region.value, elsewhere });
        }
      }
      if (found.size === ids.length) endEarly();
    });

  async function search(): Promise<void> {
    const [others, regions = []] = await Promise.all([
      scope.otherAccounts?.().catch(() => []) ?? [],
      asking(scope, (ec2) => ec2.describeRegions()),
    ]);
    const here = scope.region.value;
    await mapAtMost(
      ASKED_AT_ONCE,
      [
        ...others.map((other) => () => look(other, { accountId: other.accountId, targetName: other.target.name })),
        ...regions
          .filter((region) => region !== here && isRegionName(region))
          .map((region) => () => look(inRegion(scope, region), undefined)),
      ],
      (one) => one(),
    );
  }

  await Promise.race([search().catch(() => undefined), isOver]);
  for (const ec2 of clients) ec2.close();
  return [...found.values()];
}
