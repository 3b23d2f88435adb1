import { AssumeMfaError } from "../errors.ts";
import { parseSessionPolicy, type SessionPolicy } from "./session-policy.ts";

/** What an action needs to be allowed, as one statement of an IAM policy says it. */
export interface IamNeed {
  /** Such as `ec2:TerminateInstances`. No wildcards. */
  readonly actions: readonly string[];
  /**
   * ARNs; `*` where AWS knows no narrower resource for these actions, and `/*` at an ARN's end for what belongs to a
   * resource and has no name yet (a table's backups).
   */
  readonly resources: readonly string[];
  /** As a statement's Condition has them, by operator and key: a statement of its own, wherever else it is allowed. */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const ACTION = /^[a-z0-9-]+:[A-Za-z0-9]+$/;
/** Nothing in it that a policy gives a meaning to (`*`, `?`, `${`), or that JSON must escape. */
const RESOURCE =
  /^(?:\*|arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(?:\d{12})?:[A-Za-z0-9_.-](?:[\w+=,.@:/-]*[\w+=,.@-])?(?:\/\*)?)$/;
/** What an operand may hold that is to stand in a resource: a colon or a slash could make another resource of it. */
const OPERAND = /^[\w+=,.@-]+$/;

/**
 * The narrowest session policy for these needs: it allows each action on exactly the resources that it is needed on, and
 * nothing else. The same text for the same needs in whatever order, and as short as its grammar allows: no statement
 * twice, no white space, one thing in place of a list of one.
 *
 * @param needs at least one action on one resource
 * @returns longer than the 2,048 characters that AWS takes where there are too many resources
 * @throws AssumeMfaError USAGE for a resource in which anything could be read as a wildcard or a variable
 */
export function formatNeeds(needs: readonly IamNeed[]): string {
  const conditional = needs.filter(({ conditions }) => conditions !== undefined);
  const actionsOf = collectActions(needs.filter(({ conditions }) => conditions === undefined));
  // Checked like the others; nothing of theirs takes its place, nor theirs its.
  for (const need of conditional) collectActions([need]);
  if (actionsOf.size === 0 && conditional.length === 0) throw new RangeError("nothing is needed");
  // Which of the two is shorter depends on what is listed more often, the actions or the resources.
  const byResource = formatPolicy([
    ...groupEntries(actionsOf).map(([actions, resources]) => ({ actions, resources })),
    ...conditional,
  ]);
  const byAction = formatPolicy([
    ...groupEntries(invert(actionsOf)).map(([resources, actions]) => ({ actions, resources })),
    ...conditional,
  ]);
  return byAction.length < byResource.length ? byAction : byResource;
}

/**
 * The same, checked as STS checks it.
 * @throws PolicySyntaxError when it is too long
 */
export function buildSessionPolicy(needs: readonly IamNeed[]): SessionPolicy {
  return parseSessionPolicy(formatNeeds(needs));
}

/**
 * An operand that comes to stand in a policy's resource must be a plain name there. The actions check their operands
 * themselves; a session is not made wider by one that they let through.
 * @throws AssumeMfaError USAGE
 */
export function checkPolicyOperand(operand: string): void {
  if (!OPERAND.test(operand)) throw unfit(operand);
}

/** By resource, the actions on it, but for those that are allowed on everything anyway. */
function collectActions(needs: readonly IamNeed[]): ReadonlyMap<string, ReadonlySet<string>> {
  const actionsOf = new Map<string, Set<string>>();
  for (const { actions, resources } of needs) {
    for (const action of actions) if (!ACTION.test(action)) throw new RangeError(`no IAM action: ${action}`);
    for (const resource of resources) {
      if (!RESOURCE.test(resource)) throw unfit(resource);
      if (actions.length > 0) actionsOf.set(resource, new Set([...(actionsOf.get(resource) ?? []), ...actions]));
    }
  }
  for (const [resource, actions] of actionsOf) {
    if (resource === "*") continue;
    for (const action of actionsOf.get("*") ?? []) actions.delete(action);
    if (actions.size === 0) actionsOf.delete(resource);
  }
  return actionsOf;
}

function invert(map: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, ReadonlySet<string>> {
  const inverted = new Map<string, Set<string>>();
  for (const [key, values] of map) {
    for (const value of values) inverted.set(value, new Set([...(inverted.get(value) ?? []), key]));
  }
  return inverted;
}

/** Keys of equal values together: the values, sorted, and the keys, sorted. */
function groupEntries(
  map: ReadonlyMap<string, ReadonlySet<string>>,
): readonly (readonly [values: readonly string[], keys: readonly string[]])[] {
  const groups = new Map<string, readonly [string[], string[]]>();
  for (const [key, set] of [...map].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const values = [...set].sort();
    const id = JSON.stringify(values);
    const group = groups.get(id) ?? [values, []];
    group[1].push(key);
    groups.set(id, group);
  }
  return [...groups.values()];
}

/** With its Version, though a policy may be without one: AWS advises against the older language that it then is in. */
function formatPolicy(statements: readonly IamNeed[]): string {
  const written = statements
    .map(({ actions, resources, conditions }) =>
      JSON.stringify({
        Effect: "Allow",
        Action: oneOrAll(actions),
        Resource: oneOrAll(resources),
        // Left out of the text where there is none.
        Condition: conditions,
      }),
    )
    .sort();
  return `{"Version":"2012-10-17","Statement":${written.length === 1 ? written[0] : `[${written.join(",")}]`}}`;
}

function oneOrAll(list: readonly string[]): string | readonly string[] {
  return list.length === 1 ? (list[0] as string) : list;
}

function unfit(name: string): AssumeMfaError {
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return new AssumeMfaError("USAGE", `"${shown}" can't stand in a session policy: it could be read as a pattern`, {
    hint: "name each resource in full, or work with the role's whole permissions (without --scoped)",
  });
}
