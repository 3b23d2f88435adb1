import { partitionOfRegion } from "./arn.ts";
import { isLoopbackHost } from "./loopback.ts";

/** Services of one partition: whatever address each is called at, it knows the same users and devices. */
type PartitionService = "sts" | "iam";

/**
 * Who answers at an address: AWS's own names of a service are all the partition's, since a device whose code was sent by
 * one of them can't send it by another; the spellings of this machine with one port are one. Anything else is a place of
 * its own, however much its name looks like AWS's.
 * @param endpoint an absolute URL
 * @returns `aws`, `aws-cn`, `aws-us-gov`, or a URL without a slash at its end
 */
export function endpointPlace(endpoint: string, service: PartitionService): string {
  if (!URL.canParse(endpoint)) return endpoint;
  const { protocol, hostname, port, pathname } = new URL(endpoint);
  const host = hostname.replace(/\.$/, "");
  const path = pathname.replace(/\/+$/, "");
  if (isLoopbackHost(host)) return `http://localhost:${port || (protocol === "https:" ? "443" : "80")}${path}`;
  const partition = protocol === "https:" && port === "" ? partitionOfHost(host, service) : undefined;
  return partition ?? `${protocol}//${host}${port === "" ? "" : `:${port}`}${path}`;
}

/**
 * A service's names: of all regions, of one, with FIPS, dual-stack, and of an interface endpoint in a VPC (AWS General
 * Reference, "AWS STS endpoints", "IAM endpoints"; AWS PrivateLink, "Interface endpoint DNS names").
 * What else is below amazonaws.com is rented out: buckets, machines, load balancers, APIs, endpoints of others' services.
 */
const NAME =
  /^(?:vpce-[0-9a-z]+(?:-[0-9a-z]+)*\.(?=.*\.vpce\.))?(sts|iam)(?:-fips)?(?:\.(global|us-gov|(?:[a-z]{2}|us-gov)-[a-z]+-\d{1,2}))?(\.vpce)?\.(amazonaws\.com|api\.aws|amazonaws\.com\.cn|api\.amazonwebservices\.com\.cn)$/;

function partitionOfHost(host: string, service: PartitionService): string | undefined {
  const [, named, region, vpce, suffix] = NAME.exec(host) ?? [];
  if (named !== service || suffix === undefined) return undefined;
  if ((vpce !== undefined) !== host.startsWith("vpce-")) return undefined;
  const partition = region === "us-gov" ? "aws-us-gov" : partitionOfRegion(region);
  if (region === "global") return suffix.endsWith(".cn") ? "aws-cn" : "aws";
  return suffix.endsWith(".cn") === (partition === "aws-cn") ? partition : undefined;
}
