import { randomBytes } from "node:crypto";
import { AwsFault } from "./aws-fault.ts";
import type { Call } from "./call.ts";
import { checkFields } from "./field-rules.ts";
import {
  alreadyExists,
  authorizeIam,
  deleteConflict,
  formatPage,
  formatUser,
  iamArn,
  limitExceeded,
  nameRule,
  noSuchEntity,
  pathRule,
  selectUser,
} from "./iam-entity.ts";
import { encodePng } from "./png.ts";
import { encodeQrCode } from "./qr-code.ts";
import { formatSecondsTime, type QueryParameters } from "./query-protocol.ts";
import type { QueryOperation } from "./query-service.ts";
import { formatBase32, matchConsecutiveTotp, parseBase32, totpStepAt } from "./totp.ts";
import type { MfaDevice } from "./world.ts";

const MAX_DEVICES_PER_USER = 8;
const SECRET_BYTES = 40;
/** Two codes just read from a device: the second may be of now, the first of a minute ago. A choice. */
const ENABLE_WINDOW_STEPS = 2;
/** How wrong a device's clock may be and still be found: ten minutes. A choice. */
const RESYNC_WINDOW_STEPS = 20;
const VIRTUAL_SERIAL = /^arn:aws:iam::\d{12}:mfa\//;

/** MFA devices: virtual ones are made here; a hardware device's serial and secret come from the world. */
export const mfaOperations: Readonly<Record<string, QueryOperation>> = {
  ListMFADevices(call, parameters) {
    const user = selectUser(call, parameters, "ListMFADevices");
    return formatPage(call, parameters, "MFADevices", devicesOf(call, user.name), serialOf, (device) => ({
      UserName: user.name,
      SerialNumber: device.serialNumber,
      EnableDate: formatSecondsTime(device.enabledAtMs ?? 0),
    }));
  },

  ListVirtualMFADevices(call, parameters) {
    const status = parameters.get("AssignmentStatus");
    checkFields([{ field: "assignmentStatus", value: status, pattern: "Assigned|Unassigned|Any" }]);
    authorizeIam(call, { action: "iam:ListVirtualMFADevices", resource: iamArn(call, "mfa", "") });
    const { mfaDevices, users } = call.principal.account;
    const devices = [...mfaDevices.values()].filter(
      ({ serialNumber, userName }) =>
        VIRTUAL_SERIAL.test(serialNumber) &&
        (status === undefined || status === "Any" || (status === "Assigned") === (userName !== undefined)),
    );
    return formatPage(call, parameters, "VirtualMFADevices", devices, serialOf, (device) => {
      const user = users.get(device.userName ?? "");
      return {
        SerialNumber: device.serialNumber,
        User: user === undefined ? undefined : formatUser(user),
        EnableDate: device.enabledAtMs === undefined ? undefined : formatSecondsTime(device.enabledAtMs),
      };
    });
  },

  CreateVirtualMFADevice(call, parameters) {
    checkFields([nameRule(parameters, "VirtualMFADeviceName", 226), pathRule(parameters)]);
    const name = parameters.get("VirtualMFADeviceName") ?? "";
    const serialNumber = iamArn(call, "mfa", (parameters.get("Path") ?? "/").slice(1) + name);
    authorizeIam(call, { action: "iam:CreateVirtualMFADevice", resource: serialNumber });
    const { account } = call.principal;
    if (account.mfaDevices.has(serialNumber)) {
      throw alreadyExists("MFADevice entity at the same path and name already exists.");
    }
    const device: MfaDevice = {
      serialNumber,
      secret: formatBase32(randomBytes(SECRET_BYTES)),
      userName: undefined,
      enabledAtMs: undefined,
      lastAcceptedStep: undefined,
      driftSteps: 0,
    };
    account.mfaDevices.set(serialNumber, device);
    const label = `${encodeURIComponent(name)}@${encodeURIComponent(account.alias ?? account.id)}`;
    const uri = `otpauth://totp/${label}?secret=${device.secret}`;
    return {
      VirtualMFADevice: {
        SerialNumber: serialNumber,
        // Both are blobs: base64 on the wire. The seed's bytes are the text of the base32 (AWS.md, MFA rules).
        Base32StringSeed: Buffer.from(device.secret).toString("base64"),
        QRCodePNG: encodePng(encodeQrCode(uri)).toString("base64"),
      },
    };
  },

  DeleteVirtualMFADevice(call, parameters) {
    const serialNumber = readSerial(parameters);
    authorizeIam(call, { action: "iam:DeleteVirtualMFADevice", resource: serialNumber });
    const { mfaDevices } = call.principal.account;
    const device = demandDevice(call, serialNumber);
    if (device.userName !== undefined) throw deleteConflict("MFA VirtualDevice in use. Must deactivate first.");
    mfaDevices.delete(serialNumber);
    return undefined;
  },

  EnableMFADevice(call, parameters) {
    const codes = readCodes(parameters);
    const user = selectUser(call, parameters, "EnableMFADevice");
    const device = demandDevice(call, readSerial(parameters));
    if (device.userName !== undefined) throw alreadyExists("MFA Device is already in use.");
    if (devicesOf(call, user.name).length >= MAX_DEVICES_PER_USER) {
      throw limitExceeded("MFADevicesPerUser", MAX_DEVICES_PER_USER);
    }
    synchronize(call, device, codes, ENABLE_WINDOW_STEPS);
    device.userName = user.name;
    device.enabledAtMs = call.nowMs;
    return undefined;
  },

  ResyncMFADevice(call, parameters) {
    const codes = readCodes(parameters);
    const device = selectOwnDevice(call, parameters, "ResyncMFADevice");
    synchronize(call, device, codes, RESYNC_WINDOW_STEPS);
    return undefined;
  },

  DeactivateMFADevice(call, parameters) {
    const device = selectOwnDevice(call, parameters, "DeactivateMFADevice");
    device.userName = undefined;
    device.enabledAtMs = undefined;
    return undefined;
  },
};

const serialOf = ({ serialNumber }: MfaDevice): string => serialNumber;

function devicesOf(call: Call, userName: string): MfaDevice[] {
  return [...call.principal.account.mfaDevices.values()].filter((device) => device.userName === userName);
}

function readSerial(parameters: QueryParameters): string {
  const value = parameters.get("SerialNumber");
  checkFields([
    { field: "serialNumber", value, required: true, minLength: 9, maxLength: 256, pattern: "[\\w+=/:,.@-]+" },
  ]);
  return value ?? "";
}

function readCodes(parameters: QueryParameters): readonly [string, string] {
  const first = parameters.get("AuthenticationCode1");
  const second = parameters.get("AuthenticationCode2");
  const rule = { required: true, minLength: 6, maxLength: 6, pattern: "[\\d]+" };
  checkFields([
    { field: "authenticationCode1", value: first, ...rule },
    { field: "authenticationCode2", value: second, ...rule },
  ]);
  return [first ?? "", second ?? ""];
}

function demandDevice(call: Call, serialNumber: string): MfaDevice {
  const device = call.principal.account.mfaDevices.get(serialNumber);
  if (device === undefined) throw noSuchEntity(`MFA Device with serial number ${serialNumber} does not exist.`);
  return device;
}

/** A device of the user that the call names. @throws AwsFault AccessDenied; NoSuchEntity */
function selectOwnDevice(call: Call, parameters: QueryParameters, action: string): MfaDevice {
  const serialNumber = readSerial(parameters);
  const user = selectUser(call, parameters, action);
  const device = call.principal.account.mfaDevices.get(serialNumber);
  if (device?.userName !== user.name) {
    throw noSuchEntity(`MFA Device with serial number ${serialNumber} does not exist for user ${user.name}.`);
  }
  return device;
}

/**
 * Two consecutive codes tell how the device's clock runs; both are spent by it.
 * @throws AwsFault InvalidAuthenticationCode
 */
function synchronize(call: Call, device: MfaDevice, codes: readonly [string, string], windowSteps: number): void {
  const step = matchConsecutiveTotp(parseBase32(device.secret), ...codes, call.nowMs, windowSteps);
  if (step === undefined || (device.lastAcceptedStep !== undefined && step <= device.lastAcceptedStep)) {
    throw new AwsFault("InvalidAuthenticationCode", "Authentication code for device is not valid.", 403);
  }
  device.lastAcceptedStep = step;
  const offset = step - totpStepAt(call.nowMs);
  // The codes may be a moment old: only what the acceptance window would not bridge is a drift.
  device.driftSteps = Math.abs(offset) <= 1 ? 0 : offset;
}
