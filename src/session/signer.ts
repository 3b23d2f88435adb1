import { defaultRegionOf } from "../aws/arn.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { endpointPlace } from "../aws/endpoint-place.ts";
import type { Credentials } from "../credentials/credentials.ts";
import type { SignIn, Target } from "../target/target.ts";

/** Credentials that sign a call to STS, under the name that people know them by. */
export interface Signer {
  /** `profile "parent"`, `the shared session of profile "parent"`, `the role of jump` */
  readonly label: string;
  readonly credentials: Credentials;
  /** A shared session, in place of the keys that it was opened with. */
  readonly isShared?: boolean;
}

/** @returns undefined when no IAM user's keys sign */
export function signInOf(target: Target): SignIn | undefined {
  const { source } = target;
  if (source.kind !== "keys") return undefined;
  return { ...target, forWhom: target.name, source, partition: target.role.value.partition };
}

export type StsPlace = Pick<
  Target,
  "region" | "endpoints" | "useFipsEndpoint" | "useDualstackEndpoint" | "connection"
> & { readonly partition: string };

/** Where STS is called from. */
export function placeOf(target: Target): StsPlace {
  return { ...target, partition: target.role.value.partition };
}

/** The region that STS is called in: the target's, else the partition's default (CLI.md, `--region`). */
export function stsRegion({ region, partition }: StsPlace): string {
  return region?.value ?? defaultRegionOf(partition);
}

/**
 * Keys of a sandbox or an emulator can be shaped like anyone's: what is known of them is kept per place.
 * @returns the partition, whichever of AWS's addresses is called; another endpoint's URL (`aws/endpoint-place.ts`)
 */
export function placeName({ endpoints, partition }: Pick<StsPlace, "endpoints" | "partition">): string {
  return endpoints.sts === undefined ? partition : endpointPlace(endpoints.sts.value, "sts");
}

export function stsSettings(place: StsPlace, credentials: Credentials): ClientSettings {
  return {
    region: stsRegion(place),
    endpoint: place.endpoints.sts?.value,
    credentials,
    useFipsEndpoint: place.useFipsEndpoint.value,
    useDualstackEndpoint: place.useDualstackEndpoint.value,
    connection: place.connection,
    maxAttempts: 1,
  };
}
