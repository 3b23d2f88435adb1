import { splitArn } from "./arn-pattern.ts";

const LEGACY = "The policy failed legacy parsing";
const PARTITION = /^(?:aws(?:-[a-z-]+)?|.*[*?].*)$/;
const IAM_PATHS = [
  "user/",
  "federated-user/",
  "role/",
  "group/",
  "instance-profile/",
  "mfa/",
  "server-certificate/",
  "policy/",
  "sms-mfa/",
  "saml-provider/",
  "oidc-provider/",
  "report/",
  "access-report/",
];

/**
 * What IAM has against a Resource of an identity policy, in its own words (recorded answers of CreatePolicy).
 * @returns undefined when IAM takes it
 */
export function resourceFault(resource: string): string | undefined {
  if (resource === "*") return undefined;
  const [scheme, partition, service, region, account, path] = splitArn(resource);
  if (partition === undefined) return `Resource ${resource} must be in ARN format or "*".`;
  if (scheme !== "arn" || !PARTITION.test(partition)) {
    const parts = [partition, service, region, account, path].map((part) => part ?? "*");
    return `Partition "${partition}" is not valid for resource "arn:${parts.join(":")}".`;
  }
  if (service === undefined || /[*?]/.test(service)) {
    return "Resource vendor must be fully qualified and cannot contain regexes.";
  }
  // Of an incomplete ARN the missing parts are wildcards; with five, the fifth would be read as an account.
  if (service === "" || (account !== undefined && path === undefined && !account.includes("*"))) return LEGACY;
  return service === "iam" ? iamFault(resource, region, path) : undefined;
}

function iamFault(resource: string, region: string | undefined, path: string | undefined): string | undefined {
  if (region !== undefined && region !== "" && region !== "*") {
    return `IAM resource ${resource} cannot contain region information.`;
  }
  if (path === undefined || path === "*" || IAM_PATHS.some((start) => path.startsWith(start))) return undefined;
  return `IAM resource path must either be "*" or start with ${IAM_PATHS.join(", ")}.`;
}
