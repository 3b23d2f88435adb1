import { defaultRegionOf } from "../aws/arn.ts";
import { classifyFailure, connectionHint, isAccessDenied } from "../aws/aws-failure.ts";
import { awsText } from "../aws/aws-text.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { endpointPlace } from "../aws/endpoint-place.ts";
import { isLoopbackUrl } from "../aws/loopback.ts";
import { isMfaSerial, type MfaSerialKind, mfaSerialKind } from "../aws/mfa-serial.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import type { Locks } from "../host/lock.ts";
import { formatOrigin } from "../target/format-origin.ts";
import type { SignIn } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { visibleText } from "../text/visible-text.ts";
import type { DeviceStore } from "./device-store.ts";
import type { IamClient, ListedDevice } from "./iam-client.ts";
import type { RoleSessionOptions } from "./role-session.ts";
import { placeName } from "./signer.ts";
import { translateCallerFailure } from "./sts-failure.ts";
import { takeTurn } from "./turn.ts";

/** The device whose code is presented. */
export interface FoundDevice {
  /** Its ARN, or the serial of a hardware device. */
  readonly serial: string;
}

export interface FindDevicePorts {
  readonly host: Pick<Host, "now" | "sleep" | "interrupts" | "openTerminal">;
  readonly devices: DeviceStore;
  readonly locks: Locks;
  /** Imports the SDK: called only when no device is known and a code is due. */
  loadIamClient(settings: ClientSettings): Promise<IamClient>;
  /** A line on standard error. */
  note(text: string): void;
}

type Options = Pick<RoleSessionOptions, "mayAsk" | "noCache">;

/** A user has eight devices at most, and IAM's page a hundred: whoever goes on after this is not IAM. */
const MAX_PAGES = 10;
/** As many as a message names. */
const MAX_NAMED = 8;
/** All pages, and all that is sent again, are over within this (ACCEPTANCE.md M6). */
const LOOK_UP_LIMIT_MS = 20_000;
/** Reads may be sent again. */
const LOOK_UP_ATTEMPTS = 3;
/** Whoever sees nothing for longer than this wonders. */
const PATIENCE_MS = 1_000;

/**
 * The device that is known without a call or a question: the configured one, else the one remembered for these keys.
 * @returns undefined when it would be looked up
 */
export function knownDevice(
  signIn: Pick<SignIn, "mfaSerial" | "source" | "endpoints" | "partition">,
  { noCache }: Pick<Options, "noCache">,
  devices: Pick<DeviceStore, "read">,
): FoundDevice | undefined {
  if (signIn.mfaSerial !== undefined) return { serial: signIn.mfaSerial.value };
  if (noCache) return undefined;
  const serial = devices.read(signIn.source.credentials.accessKeyId, devicePlace(signIn));
  return serial === undefined ? undefined : { serial };
}

/**
 * The device whose code is to be presented: the known one, else that of iam:ListMFADevices by the user's own keys; where
 * there are several, the one that somebody picks. Called only when a code is due, and before it is asked for: it names
 * the device.
 * @throws AssumeMfaError MFA_SERIAL_MISSING, SOURCE_CREDENTIALS_INVALID, SIGNATURE_REJECTED, THROTTLED, NETWORK, REPLY_LOST,
 *   DEVICE_BUSY, DECLINED; InterruptedError
 */
export async function findDevice(signIn: SignIn, options: Options, ports: FindDevicePorts): Promise<FoundDevice> {
  const look = () => knownDevice(signIn, options, ports.devices);
  const known = look();
  if (known !== undefined) return known;
  const { accessKeyId } = signIn.source.credentials;
  const place = devicePlace(signIn);
  // One question for any number of processes.
  const subject = { lock: ["device of", accessKeyId, place], doing: "looks for the MFA device of the same user" };
  const turn = await takeTurn(subject, ports.locks, ports.host, ports.note, async () => look());
  if (turn.kind === "served") return turn.served;
  try {
    const serial = await lookUp(signIn, options, ports);
    if (!options.noCache && mayRemember(signIn)) ports.devices.write(accessKeyId, place, serial);
    return { serial };
  } finally {
    turn.release();
  }
}

/** Of whom STS is asked, and who told the device: what one IAM says is not to be another's word. */
function devicePlace(signIn: Pick<SignIn, "endpoints" | "partition">): string {
  const { iam } = signIn.endpoints;
  const toldBy = iam === undefined ? signIn.partition : endpointPlace(iam.value, "iam");
  const askedAt = placeName(signIn);
  return askedAt === toldBy ? askedAt : `${askedAt} ${toldBy}`;
}

/** An emulator of the moment, or another user's program on this machine, knows nothing of a device elsewhere. */
function mayRemember({ endpoints: { sts, iam } }: Pick<SignIn, "endpoints">): boolean {
  if (iam === undefined || !isLoopbackUrl(iam.value)) return true;
  return sts !== undefined && isLoopbackUrl(sts.value);
}

/** A remembered device that STS does not take any more is forgotten: the next run looks again. */
export function forgetRejectedDevice(
  error: unknown,
  signIn: SignIn,
  { noCache }: Pick<Options, "noCache">,
  { devices, note }: Pick<FindDevicePorts, "devices" | "note">,
): void {
  if (!(error instanceof AssumeMfaError) || error.code !== "MFA_SERIAL_REJECTED") return;
  if (signIn.mfaSerial !== undefined || noCache) return;
  devices.remove(signIn.source.credentials.accessKeyId, devicePlace(signIn));
  note("the MFA device that was found is forgotten: the next run looks for it again");
}

interface Device {
  readonly serial: string;
  readonly kind: MfaSerialKind;
  readonly enabledAt: Date | undefined;
}

async function lookUp(signIn: SignIn, options: Options, ports: FindDevicePorts): Promise<string> {
  const all = await listDevices(signIn, ports);
  const usable = all.filter(({ kind }) => kind === "virtual" || kind === "hardware");
  const leftOut = formatLeftOut(all.filter((device) => !usable.includes(device)));
  const [only, ...others] = usable;
  if (only === undefined) throw noDevice(signIn, leftOut);
  if (others.length > 0) return pickDevice(signIn, usable, leftOut, options, ports);
  ports.note(
    `MFA device ${only.serial} was found by iam:ListMFADevices; ${formatSetting(signIn, only.serial)} saves the call${leftOut}`,
  );
  return only.serial;
}

/** @throws AssumeMfaError MFA_SERIAL_MISSING when nobody can be asked; DECLINED; InterruptedError */
async function pickDevice(
  signIn: SignIn,
  devices: readonly Device[],
  leftOut: string,
  { mayAsk }: Options,
  { host, note }: FindDevicePorts,
): Promise<string> {
  const terminal = mayAsk ? host.openTerminal() : undefined;
  try {
    // A pinentry has a field for a code and no list.
    if (terminal === undefined || !terminal.canPick) {
      const [{ serial }] = devices as [Device];
      const names = devices.slice(0, MAX_NAMED).map((device) => device.serial);
      const more = devices.length > names.length ? ` and ${devices.length - names.length} more` : "";
      throw missing(
        signIn,
        `${signIn.source.label} has several MFA devices, and nobody can be asked which: ${names.join(", ")}${more}${leftOut}`,
        [howToName(signIn, serial)],
        { devices: names },
      );
    }
    const serial = await terminal.pick(
      formatQuestion(signIn),
      devices.map((device) => ({ value: device.serial, label: formatDevice(device), short: device.serial })),
    );
    note(`${formatSetting(signIn, serial)} saves the question${leftOut}`);
    return serial;
  } finally {
    terminal?.close();
  }
}

/** @returns `Which MFA device for dev, of profile "parent"?`, safe to show */
function formatQuestion({ forWhom, source: { label } }: SignIn): string {
  return visibleText(`Which MFA device ${forWhom === label ? "" : `for ${shownName(forWhom)}, `}of ${label}?`);
}

function formatDevice({ serial, kind, enabledAt }: Device): string {
  const since =
    enabledAt === undefined || Number.isNaN(enabledAt.getTime()) ? "" : enabledAt.toISOString().slice(0, 10);
  return `${serial}  ${kind === "virtual" ? "virtual device" : "hardware token"}${since === "" ? "" : `, since ${since}`}`;
}

/**
 * Those of the user whose keys sign.
 * @throws AssumeMfaError of all codes of {@link findDevice} but DEVICE_BUSY and DECLINED
 */
async function listDevices(signIn: SignIn, ports: FindDevicePorts): Promise<readonly Device[]> {
  const settings = iamSettings(signIn);
  const abortSignal = AbortSignal.timeout(LOOK_UP_LIMIT_MS);
  const patience = setTimeout(() => ports.note(`asking ${iamName(signIn)} for the MFA device…`), PATIENCE_MS);
  let client: IamClient | undefined;
  try {
    client = await ports.loadIamClient(settings);
    const listed: ListedDevice[] = [];
    let marker: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await client.listMfaDevices(marker, abortSignal);
      if (page.devices === undefined) throw notIam(signIn);
      listed.push(...page.devices);
      if (page.nextMarker === undefined) return readDevices(listed);
      marker = page.nextMarker;
    }
    throw notIam(signIn);
  } catch (error) {
    if (abortSignal.aborted) throw unreachable(signIn, "no answer within the time limit", undefined, error);
    throw translateFailure(signIn, error);
  } finally {
    clearTimeout(patience);
    client?.close();
  }
}

/** What STS would not take as a serial at all is a device of another kind: nothing of it is shown or sent. */
function readDevices(listed: readonly ListedDevice[]): readonly Device[] {
  const serials = new Map<string, Device>();
  for (const { serialNumber = "", enabledAt } of listed) {
    const kind = isMfaSerial(serialNumber) ? mfaSerialKind(serialNumber) : "other";
    serials.set(serialNumber, { serial: serialNumber, kind, enabledAt });
  }
  return [...serials.values()];
}

/** IAM is one for a partition, whatever the region. */
function iamSettings(signIn: SignIn): ClientSettings {
  const { partition, source, endpoints, useFipsEndpoint, useDualstackEndpoint, connection } = signIn;
  const { sts, iam } = endpoints;
  if (sts !== undefined && iam === undefined && isLoopbackUrl(sts.value)) {
    // An emulator's keys mean nothing to AWS, or somebody else.
    throw missing(
      signIn,
      `${formatUnknown(signIn)}, and IAM is not asked: STS is on this machine (${formatOrigin(sts.origin)}), and no endpoint is set for IAM`,
      [howToName(signIn), "or set AWS_ENDPOINT_URL, or AWS_ENDPOINT_URL_IAM"],
    );
  }
  return {
    region: defaultRegionOf(partition),
    endpoint: iam?.value,
    credentials: source.credentials,
    useFipsEndpoint: useFipsEndpoint.value,
    useDualstackEndpoint: useDualstackEndpoint.value,
    connection,
    maxAttempts: LOOK_UP_ATTEMPTS,
  };
}

/** @returns what is no failure of a call as it came */
function translateFailure(signIn: SignIn, error: unknown): unknown {
  if (error instanceof AssumeMfaError) return error;
  const failure = classifyFailure(error);
  if (failure === undefined) return error;
  if (failure.kind === "unsent") return unreachable(signIn, failure.message, connectionHint(failure), error);
  if (failure.kind === "ambiguous") {
    return new AssumeMfaError(
      "REPLY_LOST",
      `iam:ListMFADevices got no usable answer from ${iamName(signIn)}: ${failure.message}`,
      {
        hint: ["no code was sent; try again", howToName(signIn)],
        cause: error,
      },
    );
  }
  const ofKeys = translateCallerFailure(failure, signIn.source, error);
  if (ofKeys !== undefined) return ofKeys;
  const { code, requestId } = failure;
  const message = awsText(failure.message, code);
  const unknown = formatUnknown(signIn);
  const facts = { awsCode: code, requestId };
  if (!isAccessDenied(failure)) {
    return missing(
      signIn,
      `${unknown}, and iam:ListMFADevices was refused: ${code}: ${message}`,
      [howToName(signIn)],
      facts,
      error,
    );
  }
  const permission = /explicit deny/i.test(message)
    ? "a policy denies iam:ListMFADevices, as one does that demands MFA for every call: the device must be named then"
    : // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable, which IAM fills in
      "or let the user list their own devices: iam:ListMFADevices on arn:aws:iam::*:user/${aws:username}";
  return missing(
    signIn,
    `${unknown}, and iam:ListMFADevices is not allowed: ${message}`,
    [howToName(signIn), permission],
    facts,
    error,
  );
}

function noDevice(signIn: SignIn, leftOut: string): AssumeMfaError {
  const unknown = formatUnknown(signIn);
  const { forWhom, source } = signIn;
  const whose = forWhom === source.label ? "its user" : `the user of ${source.label}`;
  const enrol = "a virtual device (an authenticator app) or a hardware token must be enrolled for that user";
  return leftOut === ""
    ? missing(signIn, `${unknown}: ${whose} has none`, [enrol, howToName(signIn)])
    : missing(signIn, `${unknown}: ${whose} has none that shows a code${leftOut}`, [enrol]);
}

/** A role's name or, when somebody signs in for the day, whose keys those are. */
function formatUnknown({ forWhom, source: { label } }: SignIn): string {
  return `no MFA device is known for ${forWhom === label ? label : shownName(forWhom)}`;
}

function missing(
  { forWhom, source }: SignIn,
  message: string,
  hint: readonly string[],
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): AssumeMfaError {
  // Who signs in for the day has named no role.
  const ofRole = forWhom === source.label ? [] : ["a role that demands no MFA: assume_mfa_required = false"];
  const hints = [...hint, ...ofRole];
  return new AssumeMfaError("MFA_SERIAL_MISSING", message, { hint: hints, details, cause });
}

/** @returns `add mfa_serial = … to the profile parent, or use --serial-number (ASSUME_MFA_SERIAL_NUMBER)` */
function howToName({ source, partition }: SignIn, serial = `arn:${partition}:iam::<account>:mfa/<name>`): string {
  const option = "use --serial-number (ASSUME_MFA_SERIAL_NUMBER)";
  if (source.profileName === undefined) return option;
  return `add mfa_serial = ${serial} to the profile ${shownName(source.profileName)}, or ${option}`;
}

/** What to set, so that it need not be looked up. */
function formatSetting({ source }: SignIn, serial: string): string {
  return source.profileName === undefined
    ? `ASSUME_MFA_SERIAL_NUMBER=${serial}`
    : `mfa_serial = ${serial} in the profile ${shownName(source.profileName)}`;
}

const LEFT_OUT: Readonly<Record<string, readonly [string, string]>> = {
  "security key": [
    "passkey or security key, which has no code to send",
    "passkeys or security keys, which have no code to send",
  ],
  sms: [
    "phone that gets its codes by SMS, which STS does not take",
    "phones that get their codes by SMS, which STS does not take",
  ],
};
const LEFT_OUT_OTHERS = [
  "device of a kind that STS takes no code of",
  "devices of kinds that STS takes no code of",
] as const;

/** @returns `; left out: 1 passkey or security key, which has no code to send`; nothing when none is */
function formatLeftOut(devices: readonly Device[]): string {
  const counts = new Map<readonly [string, string], number>();
  for (const { kind } of devices) {
    const words = LEFT_OUT[kind] ?? LEFT_OUT_OTHERS;
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  const parts = [...counts].map(([[one, several], count]) => `${count} ${count === 1 ? one : several}`);
  return parts.length === 0 ? "" : `; left out: ${parts.join(", ")}`;
}

function notIam(signIn: SignIn): AssumeMfaError {
  return new AssumeMfaError("NETWORK", `what answers as ${iamName(signIn)} is not IAM`, {
    hint: [endpointHint(signIn), howToName(signIn)],
  });
}

function unreachable(signIn: SignIn, why: string, hint: string | undefined, cause: unknown): AssumeMfaError {
  return new AssumeMfaError("NETWORK", `${iamName(signIn)} can't be reached: ${why}`, {
    hint: [hint ?? endpointHint(signIn), `without IAM: ${howToName(signIn)}`],
    cause,
  });
}

function endpointHint({ endpoints: { iam } }: SignIn): string {
  return iam === undefined ? "check the network" : `check the endpoint, set by ${formatOrigin(iam.origin)}`;
}

function iamName({ endpoints: { iam } }: SignIn): string {
  return iam === undefined ? "IAM" : `IAM at ${iam.value}`;
}
