import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { matchTotp, parseBase32, TOTP_STEP_MS } from "./totp.ts";

/**
 * Serial and code of a call to STS. The code of a device works once: an accepted one is spent even when the call is
 * refused afterwards (a choice; AWS documents only that a code works once).
 * @returns whether a code was given, and was right
 * @throws AwsFault AccessDenied in AWS's words (AWS.md, STS faults)
 */
export function checkMfa(call: Call, serialNumber: string | undefined, tokenCode: string | undefined): boolean {
  if (serialNumber === undefined && tokenCode === undefined) return false;
  if (serialNumber === undefined || tokenCode === undefined) {
    throw denied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.");
  }
  const { principal, nowMs } = call;
  const device = principal.account.mfaDevices.get(serialNumber);
  const isOwn = principal.kind === "user" && device?.userName === principal.user.name;
  if (device === undefined || !isOwn) {
    throw denied(
      "MultiFactorAuthentication failed, unable to validate MFA code.  " +
        "Please verify your MFA serial number is valid and associated with this user.",
    );
  }
  const deviceMs = nowMs + device.driftSteps * TOTP_STEP_MS;
  const step = matchTotp(parseBase32(device.secret), tokenCode, deviceMs, device.lastAcceptedStep);
  if (step === undefined) {
    throw denied("MultiFactorAuthentication failed with invalid MFA one time pass code.");
  }
  device.lastAcceptedStep = step;
  return true;
}

function denied(message: string): AwsFault {
  return new AwsFault("AccessDenied", message, 403);
}
