import { AssumeMfaError } from "../errors.ts";
import type { SignIn } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";

/** The device whose code is presented. */
export interface FoundDevice {
  /** Its ARN, or the serial of a hardware device. */
  readonly serial: string;
}

export interface FindDevicePorts {
  readonly devices: unknown;
  readonly loadIamClient: unknown;
}

/** @throws AssumeMfaError MFA_SERIAL_MISSING when none is known */
export async function findDevice(signIn: SignIn, _options: unknown, _ports: unknown): Promise<FoundDevice> {
  if (signIn.mfaSerial !== undefined) return { serial: signIn.mfaSerial.value };
  const { profileName } = signIn.source;
  const addLine =
    profileName === undefined
      ? ""
      : `add mfa_serial = arn:aws:iam::<account>:mfa/<name> to the profile ${shownName(profileName)}, or `;
  throw new AssumeMfaError("MFA_SERIAL_MISSING", `no MFA device is known for ${shownName(signIn.forWhom)}`, {
    hint: [
      `${addLine}use --serial-number (ASSUME_MFA_SERIAL_NUMBER)`,
      "a role that demands no MFA: assume_mfa_required = false",
    ],
  });
}
