import { checkNewManagedPolicy } from "../policy/new-policy.ts";
import { parsePolicyDocument } from "../policy/policy-document.ts";
import { POLICY_SIZE_QUOTAS, policySizeCharacters } from "../policy/policy-size.ts";
import { PolicySyntaxError } from "../policy/policy-syntax-error.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkFields } from "./field-rules.ts";
import {
  alreadyExists,
  authorizeIam,
  deleteConflict,
  encodeDocument,
  formatPage,
  hasName,
  iamArn,
  limitExceeded,
  nameRule,
  noSuchEntity,
  pathRule,
  readName,
  readPathPrefix,
  selectGroup,
  selectRole,
  selectUser,
  withPath,
} from "./iam-entity.ts";
import { makeUniqueId } from "./identifiers.ts";
import { findManagedPolicy } from "./managed-policies.ts";
import { formatSecondsTime, type QueryParameters, type XmlValue } from "./query-protocol.ts";
import type { QueryOperation } from "./query-service.ts";
import type { ManagedPolicy, PolicyHolder } from "./world.ts";

const MAX_ATTACHED_POLICIES = 10;

interface HolderKind {
  readonly kind: "User" | "Group" | "Role";
  readonly select: (
    call: Call,
    parameters: QueryParameters,
    action: string,
  ) => PolicyHolder & { readonly name: string };
  /** Characters of all inline policies together. */
  readonly quota: number;
}

const HOLDER_KINDS: readonly HolderKind[] = [
  { kind: "User", select: selectUser, quota: POLICY_SIZE_QUOTAS.inlineUser },
  { kind: "Group", select: selectGroup, quota: POLICY_SIZE_QUOTAS.inlineGroup },
  { kind: "Role", select: selectRole, quota: POLICY_SIZE_QUOTAS.inlineRole },
];

/** Inline and attached policies of users, groups and roles, and customer managed policies. */
export const policyOperations: Readonly<Record<string, QueryOperation>> = {
  ...Object.assign({}, ...HOLDER_KINDS.map(makeHolderOperations)),

  CreatePolicy(call, parameters) {
    checkFields([nameRule(parameters, "PolicyName"), pathRule(parameters)]);
    const name = parameters.get("PolicyName") ?? "";
    const path = parameters.get("Path") ?? "/";
    const arn = iamArn(call, "policy", path.slice(1) + name);
    authorizeIam(call, { action: "iam:CreatePolicy", resource: arn }, `policy ${name}`);
    const { managedPolicies } = call.principal.account;
    if (hasName(managedPolicies.values(), name))
      throw alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
    const document = readDocument(parameters, true);
    if (policySizeCharacters(document) > POLICY_SIZE_QUOTAS.managed) {
      throw limitExceeded("PolicySize", POLICY_SIZE_QUOTAS.managed);
    }
    const createdAtMs = Math.floor(call.nowMs / 1_000) * 1_000;
    const policy: ManagedPolicy = { arn, name, path, id: makeUniqueId("ANPA"), createdAtMs, document };
    managedPolicies.set(arn, policy);
    return { Policy: formatManagedPolicy(call, policy) };
  },

  GetPolicy(call, parameters) {
    return { Policy: formatManagedPolicy(call, selectManagedPolicy(call, parameters, "GetPolicy")) };
  },

  GetPolicyVersion(call, parameters) {
    const versionId = parameters.get("VersionId");
    checkFields([{ field: "versionId", value: versionId, required: true, pattern: "v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?" }]);
    const policy = selectManagedPolicy(call, parameters, "GetPolicyVersion");
    // A choice: policies here have one version, the first.
    if (versionId !== "v1") {
      throw noSuchEntity(`Policy ${policy.arn} version ${versionId} does not exist or is not attachable.`);
    }
    return {
      PolicyVersion: {
        Document: encodeDocument(policy.document),
        VersionId: "v1",
        IsDefaultVersion: true,
        CreateDate: formatSecondsTime(policy.createdAtMs),
      },
    };
  },

  ListPolicies(call, parameters) {
    const pathPrefix = readPathPrefix(parameters);
    authorizeIam(call, { action: "iam:ListPolicies", resource: "*" });
    const policies = withPath(call.principal.account.managedPolicies.values(), pathPrefix);
    return formatPage(
      call,
      parameters,
      "Policies",
      policies,
      ({ name }) => name,
      (each) => formatManagedPolicy(call, each),
    );
  },

  DeletePolicy(call, parameters) {
    const policy = selectManagedPolicy(call, parameters, "DeletePolicy");
    if (countAttachments(call, policy.arn) > 0) {
      throw deleteConflict("Cannot delete a policy attached to entities.");
    }
    call.principal.account.managedPolicies.delete(policy.arn);
    return undefined;
  },
};

/** The seven operations that users, groups and roles have alike. */
function makeHolderOperations({ kind, select, quota }: HolderKind): Record<string, QueryOperation> {
  const lowerKind = kind.toLowerCase();
  const selectInline = (call: Call, parameters: QueryParameters, action: string) => {
    const policyName = readName(parameters, "PolicyName");
    const holder = select(call, parameters, action);
    const document = holder.inlinePolicies.get(policyName);
    if (document === undefined) throw noSuchEntity(`The ${lowerKind} policy with name ${policyName} cannot be found.`);
    return { holder, policyName, document };
  };
  return {
    [`Put${kind}Policy`](call, parameters) {
      const policyName = readName(parameters, "PolicyName");
      const holder = select(call, parameters, `Put${kind}Policy`);
      const document = readDocument(parameters, false);
      const others = [...holder.inlinePolicies].filter(([name]) => name !== policyName).map(([, text]) => text);
      if (policySizeCharacters([...others, document].join("")) > quota) {
        const message = `Maximum policy size of ${quota} bytes exceeded for ${lowerKind} ${holder.name}`;
        throw new AwsFault("LimitExceeded", message, 409);
      }
      holder.inlinePolicies.set(policyName, document);
      return undefined;
    },
    [`Get${kind}Policy`](call, parameters) {
      const { holder, policyName, document } = selectInline(call, parameters, `Get${kind}Policy`);
      return { [`${kind}Name`]: holder.name, PolicyName: policyName, PolicyDocument: encodeDocument(document) };
    },
    [`Delete${kind}Policy`](call, parameters) {
      const { holder, policyName } = selectInline(call, parameters, `Delete${kind}Policy`);
      holder.inlinePolicies.delete(policyName);
      return undefined;
    },
    [`List${kind}Policies`](call, parameters) {
      const holder = select(call, parameters, `List${kind}Policies`);
      const same = (name: string) => name;
      return formatPage(call, parameters, "PolicyNames", holder.inlinePolicies.keys(), same, same);
    },
    [`Attach${kind}Policy`](call, parameters) {
      const holder = select(call, parameters, `Attach${kind}Policy`);
      const arn = readPolicyArn(parameters);
      if (findManagedPolicy(call.world, call.principal.account.id, arn) === undefined) {
        throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
      }
      if (holder.attachedPolicyArns.includes(arn)) return undefined;
      if (holder.attachedPolicyArns.length >= MAX_ATTACHED_POLICIES) {
        throw limitExceeded(`PoliciesPer${kind}`, MAX_ATTACHED_POLICIES);
      }
      holder.attachedPolicyArns.push(arn);
      return undefined;
    },
    [`Detach${kind}Policy`](call, parameters) {
      const holder = select(call, parameters, `Detach${kind}Policy`);
      const arn = readPolicyArn(parameters);
      const index = holder.attachedPolicyArns.indexOf(arn);
      if (index < 0) throw noSuchEntity(`Policy ${arn} was not found.`);
      holder.attachedPolicyArns.splice(index, 1);
      return undefined;
    },
    [`ListAttached${kind}Policies`](call, parameters) {
      const holder = select(call, parameters, `ListAttached${kind}Policies`);
      const format = (arn: string) => ({ PolicyName: arn.slice(arn.lastIndexOf("/") + 1), PolicyArn: arn });
      return formatPage(call, parameters, "AttachedPolicies", holder.attachedPolicyArns, (arn) => arn, format);
    },
  };
}

function readPolicyArn(parameters: QueryParameters): string {
  const value = parameters.get("PolicyArn");
  checkFields([{ field: "policyArn", value, required: true, minLength: 20, maxLength: 2_048 }]);
  return value ?? "";
}

/** An identity policy as IAM would store it. @throws AwsFault MalformedPolicyDocument */
function readDocument(parameters: QueryParameters, isManaged: boolean): string {
  const value = parameters.get("PolicyDocument");
  checkFields([{ field: "policyDocument", value, required: true, minLength: 1, maxLength: 131_072 }]);
  try {
    const document = parsePolicyDocument(value ?? "", "identity");
    if (isManaged) checkNewManagedPolicy(document);
  } catch (error) {
    if (!(error instanceof PolicySyntaxError)) throw error;
    throw new AwsFault("MalformedPolicyDocument", error.awsMessage);
  }
  return value ?? "";
}

function selectManagedPolicy(call: Call, parameters: QueryParameters, action: string): ManagedPolicy {
  const arn = readPolicyArn(parameters);
  authorizeIam(call, { action: `iam:${action}`, resource: arn }, `policy ${arn}`);
  const own = call.principal.account.managedPolicies.get(arn);
  if (own !== undefined) return own;
  const known = findManagedPolicy(call.world, call.principal.account.id, arn);
  if (known === undefined) throw noSuchEntity(`Policy ${arn} was not found.`);
  const name = arn.slice(arn.lastIndexOf("/") + 1);
  return { arn, name, path: "/", id: "", createdAtMs: 0, document: known.document };
}

function countAttachments(call: Call, arn: string): number {
  const { users, groups, roles } = call.principal.account;
  const holders: PolicyHolder[] = [...users.values(), ...groups.values(), ...roles.values()];
  return holders.filter(({ attachedPolicyArns }) => attachedPolicyArns.includes(arn)).length;
}

function formatManagedPolicy(call: Call, policy: ManagedPolicy): XmlValue {
  const createDate = formatSecondsTime(policy.createdAtMs);
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: "v1",
    AttachmentCount: countAttachments(call, policy.arn),
    PermissionsBoundaryUsageCount: 0,
    IsAttachable: true,
    CreateDate: createDate,
    UpdateDate: createDate,
  };
}
