import type { Command } from "commander";
import { AssumeMfaError } from "../errors.ts";
import { knownDevice } from "../session/find-device.ts";
import { placeName, placeOf } from "../session/signer.ts";
import type { StoredSecretKey } from "../session/stored-secrets.ts";
import { firstHop } from "../target/first-hop.ts";
import { resolveEndpoints } from "../target/resolve-endpoints.ts";
import { resolveSignIn } from "../target/resolve-sign-in.ts";
import { checkSerial, resolveTarget } from "../target/resolve-target.ts";
import { environmentSetting, firstOf, optionSetting } from "../target/setting.ts";
import { shownName } from "../text/shown-name.ts";
import type { Services } from "./services.ts";

/** Which device is meant, as typed. */
export interface DeviceOptions {
  readonly serialNumber?: string;
  readonly sourceProfile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
}

export function addDeviceOptions(command: Command): Command {
  return command
    .option("--serial-number <serial>", "the MFA device (ASSUME_MFA_SERIAL_NUMBER)")
    .option("--source-profile <name>", "whose device: the profile's mfa_serial (ASSUME_MFA_SOURCE_PROFILE)")
    .option("--region <region>", "tells AWS's partition (AWS_REGION, AWS_DEFAULT_REGION)")
    .option("--endpoint-url <url>", "of another place than AWS (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS)");
}

/**
 * The device whose codes a target's or profile's sign-in wants, found without a call: so that what is stored for it is
 * found again when its code is due.
 * @param targetName undefined: the one of the sign-in for the day
 * @throws AssumeMfaError MFA_SERIAL_MISSING; as `resolveTarget` and `resolveSignIn` do
 */
export function resolveDevice(
  targetName: string | undefined,
  options: DeviceOptions,
  services: Services,
): StoredSecretKey {
  const { host, devices } = services;
  const config = services.loadConfig();
  const exported = services.exported.read(host.env);
  if (targetName !== undefined) {
    const target = firstHop(resolveTarget(targetName, options, config, host.env, exported));
    const place = placeName(placeOf(target));
    if (target.mfaSerial !== undefined) return { serial: target.mfaSerial.value, place };
    const { source } = target;
    const known =
      source.kind === "keys"
        ? knownDevice({ ...target, source, partition: target.role.value.partition }, { noCache: false }, devices)
        : undefined;
    if (known !== undefined) return { ...known, place };
    throw missingSerial(shownName(targetName));
  }
  try {
    const signIn = resolveSignIn(options, config, host.env, exported);
    const known = knownDevice(signIn, { noCache: false }, devices);
    if (known !== undefined) return { ...known, place: placeName(signIn) };
    throw missingSerial(shownName(signIn.forWhom));
  } catch (error) {
    if (!(error instanceof AssumeMfaError) || error.code !== "SOURCE_CREDENTIALS_MISSING") throw error;
    // Keys may come later, or be somewhere else: a device that is named in full needs none.
    const serial = checkSerial(
      firstOf(
        optionSetting("--serial-number", options.serialNumber),
        environmentSetting(host.env, "ASSUME_MFA_SERIAL_NUMBER"),
      ),
      true,
    );
    if (serial === undefined || options.sourceProfile !== undefined) throw error;
    const partition = /^arn:([^:]+):/.exec(serial.value)?.[1] ?? "aws";
    const endpoints = resolveEndpoints(options.endpointUrl, undefined, config, host.env);
    return { serial: serial.value, place: placeName({ endpoints, partition }) };
  }
}

function missingSerial(forWhom: string): AssumeMfaError {
  return new AssumeMfaError("MFA_SERIAL_MISSING", `no MFA device is known for ${forWhom}`, {
    hint: "name it with --serial-number (ASSUME_MFA_SERIAL_NUMBER), or add mfa_serial = arn:aws:iam::<account>:mfa/<name> to the profile",
  });
}
