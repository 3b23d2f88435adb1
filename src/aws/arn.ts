/** The parts of an IAM role's ARN that decide anything. */
export interface RoleArn {
  readonly arn: string;
  /** `aws`, `aws-cn`, `aws-us-gov` */
  readonly partition: string;
  /** twelve digits */
  readonly accountId: string;
  /** Without its path. */
  readonly roleName: string;
}

// IAM API reference, CreateRole: RoleName `[\w+=,.@-]+` up to 64, Path up to 512 characters between slashes.
const ROLE_ARN = /^arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):role\/(?:[\x21-\x2e\x30-\x7e]+\/)*([\w+=,.@-]{1,64})$/;

/** @returns undefined when the text is no role ARN */
export function parseRoleArn(text: string): RoleArn | undefined {
  if (text.length > 700) return undefined;
  const match = ROLE_ARN.exec(text);
  if (match === null) return undefined;
  const [arn, partition, accountId, roleName] = match;
  if (partition === undefined || accountId === undefined || roleName === undefined) return undefined;
  return { arn, partition, accountId, roleName };
}

/** The partition that a region is in; without one AWS's commercial partition. */
export function partitionOfRegion(region: string | undefined): string {
  if (region?.startsWith("cn-")) return "aws-cn";
  if (region?.startsWith("us-gov-")) return "aws-us-gov";
  return "aws";
}

/** The region that STS is asked in when nothing names one: the partition's first (CLI.md, `--region`). */
export function defaultRegionOf(partition: string): string {
  if (partition === "aws-cn") return "cn-north-1";
  if (partition === "aws-us-gov") return "us-gov-west-1";
  return "us-east-1";
}
