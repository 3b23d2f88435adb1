import type { World } from "./world.ts";

/**
 * Whom a trust policy names, as IAM keeps it (IAM User Guide, "AWS JSON policy elements: Principal"): a user or role is
 * stored by its unique id and shown by its ARN while it is there. One that is made again under the same name has
 * another id, so it is not trusted, and the id of the first shows instead of an ARN.
 */

/** What IAM stores: ARNs of users and roles that are there as their ids, a bare account id as its root's ARN. */
export function bindTrust(world: World, trustPolicy: string): string {
  return mapAwsPrincipals(trustPolicy, (value) => {
    if (/^\d{12}$/.test(value)) return `arn:aws:iam::${value}:root`;
    for (const { arn, id } of entitiesOf(world, /^arn:aws:iam::(\d{12}):/.exec(value)?.[1])) {
      if (arn === value) return id;
    }
    return value;
  });
}

/** What IAM shows, and goes by: ids of users and roles that are there as their ARNs. */
export function showTrust(world: World, trustPolicy: string): string {
  return mapAwsPrincipals(trustPolicy, (value) => {
    if (!/^A(?:IDA|ROA)/.test(value)) return value;
    for (const accountId of world.accounts.keys()) {
      for (const { arn, id } of entitiesOf(world, accountId)) if (id === value) return arn;
    }
    return value;
  });
}

function entitiesOf(world: World, accountId: string | undefined) {
  const account = world.accounts.get(accountId ?? "");
  return account === undefined ? [] : [...account.users.values(), ...account.roles.values()];
}

interface Nesting {
  readonly isObject: boolean;
  /** Of the value that comes next, in an object. */
  key: string | undefined;
}

/**
 * Changes the texts under `Statement`, `Principal`, `AWS` and nothing else: what is written around them stays as it is.
 * @param json a trust policy that was parsed without fault
 */
function mapAwsPrincipals(json: string, map: (value: string) => string): string {
  const nesting: Nesting[] = [];
  return json.replace(/"(?:[^"\\]|\\.)*"|[{}[\],]/gs, (token) => {
    const inner = nesting.at(-1);
    if (token === "{" || token === "[") nesting.push({ isObject: token === "{", key: undefined });
    else if (token === "}" || token === "]") nesting.pop();
    else if (token === ",") {
      if (inner?.isObject) inner.key = undefined;
    } else if (inner?.isObject && inner.key === undefined) inner.key = JSON.parse(token) as string;
    else {
      const path = nesting.flatMap(({ key }) => key ?? []).join(" ");
      if (path === "Statement Principal AWS") return JSON.stringify(map(JSON.parse(token) as string));
    }
    return token;
  });
}
