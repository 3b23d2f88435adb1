/** The regions that every account has from the start (AWS General Reference). */
export const DEFAULT_REGIONS = [
  "ap-northeast-1",
  "ap-northeast-2",
  "ap-northeast-3",
  "ap-south-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "ca-central-1",
  "eu-central-1",
  "eu-north-1",
  "eu-west-1",
  "eu-west-2",
  "eu-west-3",
  "sa-east-1",
  "us-east-1",
  "us-east-2",
  "us-west-1",
  "us-west-2",
] as const;

/** Regions that an account must opt into; nobody in the sandbox has. */
export const OPT_IN_REGIONS = [
  "af-south-1",
  "ap-east-1",
  "ap-southeast-3",
  "ap-southeast-4",
  "ca-west-1",
  "eu-central-2",
  "eu-south-1",
  "eu-south-2",
  "il-central-1",
  "me-central-1",
  "me-south-1",
] as const;

const DEFAULT_REGION_SET: ReadonlySet<string> = new Set(DEFAULT_REGIONS);
const OPT_IN_REGION_SET: ReadonlySet<string> = new Set(OPT_IN_REGIONS);

/** Known, but not of any account here. */
export function isOptInRegion(region: string): boolean {
  return OPT_IN_REGION_SET.has(region);
}

export function isKnownRegion(region: string): boolean {
  return DEFAULT_REGION_SET.has(region) || OPT_IN_REGION_SET.has(region);
}
