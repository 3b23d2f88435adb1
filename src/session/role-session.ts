import { defaultRegionOf } from "../aws/arn.ts";
import { classifyFailure } from "../aws/aws-failure.ts";
import type { ClientSettings } from "../aws/client-settings.ts";
import { Credentials } from "../credentials/credentials.ts";
import { AssumeMfaError } from "../errors.ts";
import type { CapturedOutput, CaptureLimits } from "../host/captured-command.ts";
import type { Environment, Host } from "../host/host.ts";
import type { Locks } from "../host/lock.ts";
import type { Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import { assumeRoleInput } from "./assume-role-input.ts";
import type { CallerStore } from "./caller-store.ts";
import { takeDeviceTurn } from "./device-turn.ts";
import type { SessionCache } from "./session-cache.ts";
import { sessionInputs } from "./session-inputs.ts";
import type { StsClient } from "./sts-client.ts";
import { notSts, translateAssumeRoleFailure, translateCallerFailure, unreachable } from "./sts-errors.ts";
import type { GivenTokenCode } from "./token-code.ts";
import { presentTokenCode } from "./token-code-source.ts";

/** A role session: the credentials that open a role in a child account. */
export interface RoleSession {
  readonly credentials: Credentials;
  /** `arn:aws:sts::<account>:assumed-role/<role>/<session name>` */
  readonly assumedRoleArn: string;
  readonly accountId: string;
  /** Milliseconds since 1970. */
  readonly obtainedAt: number;
  readonly isFromCache: boolean;
}

export interface RoleSessionOptions {
  /** Six digits, checked; undefined: from elsewhere, if a code is needed. */
  readonly givenCode: GivenTokenCode | undefined;
  /** Assume again even if the cache serves. */
  readonly refresh: boolean;
  /** Neither read nor write the cache. */
  readonly noCache: boolean;
  /** False: what is missing is an error, never a question. */
  readonly mayAsk: boolean;
  /** A session that ends sooner than this is assumed again. Milliseconds; never over a third of the session's life. */
  readonly minTtlMs: number;
}

export interface RoleSessionPorts {
  readonly host: Pick<Host, "now" | "sleep" | "env" | "openTerminal" | "interrupts">;
  readonly cache: SessionCache;
  readonly callers: CallerStore;
  /** One question for any number of processes. */
  readonly locks: Locks;
  /** Imports the SDK: called only when a call is due, and after the prompt is painted. */
  loadStsClient(settings: ClientSettings): Promise<StsClient>;
  /** Runs a program for what it prints, on the user's terminal. @throws InterruptedError */
  captureCommand(command: readonly string[], env: Environment, limits: CaptureLimits): Promise<CapturedOutput>;
  /** A line on standard error. */
  note(text: string): void;
}

/**
 * A live session of the target's role: from the cache, else by AssumeRole with the code, asked for if it must be.
 * @throws AssumeMfaError of the codes that `sts-errors.ts` makes, TOKEN_CODE_MISSING, MFA_SERIAL_MISSING, NETWORK
 */
export async function obtainRoleSession(
  target: Target,
  options: RoleSessionOptions,
  ports: RoleSessionPorts,
): Promise<RoleSession> {
  const inputs = sessionInputs(target);
  const mayCache = !options.noCache && target.cache === "file";
  // `--refresh` takes none that was there before, only what somebody made while it waited.
  const refused = mayCache && options.refresh ? ports.cache.read(inputs)?.credentials.accessKeyId : undefined;
  const look = (): RoleSession | undefined => {
    const cached = mayCache ? ports.cache.read(inputs) : undefined;
    if (cached === undefined || cached.credentials.accessKeyId === refused) return undefined;
    return isOfRole(cached, target) && isLive(cached, ports.host.now(), options.minTtlMs) ? cached : undefined;
  };
  const serve = (session: RoleSession): RoleSession => {
    const { givenCode } = options;
    if (givenCode !== undefined) {
      ports.note(`the token code from ${givenCode.from} was not needed and not sent: a live session is cached`);
    }
    return session;
  };
  const assumeAndKeep = async (needsCode: boolean): Promise<RoleSession> => {
    const session = await assumeRole(target, needsCode, options, ports);
    if (mayCache) {
      try {
        ports.cache.write(inputs, session);
      } catch (error) {
        // The credentials matter more than keeping them (ACCEPTANCE.md C6).
        ports.note(`the session could not be cached: ${shortReason(error)}`);
      }
    }
    return session;
  };

  const cached = look();
  if (cached !== undefined) return serve(cached);
  if (!isCodeNeeded(target, options, ports)) return assumeAndKeep(false);
  const device = [target.mfaSerial?.value ?? "", callerPlace(target)];
  const turn = await takeDeviceTurn(device, ports.locks, ports.host, ports.note, look);
  if (turn.kind === "served") return serve(turn.session);
  try {
    return await assumeAndKeep(true);
  } finally {
    // After the session is kept: whoever waits finds it.
    turn.release();
  }
}

/** Whether it lasts for longer than the margin, which is never more than a third of its life (a 15 min session). */
export function isLive(session: RoleSession, now: number, minTtlMs: number): boolean {
  const { expiration } = session.credentials;
  return expiration !== undefined && lastsLonger({ expiration, obtainedAt: session.obtainedAt }, now, minTtlMs);
}

/** The same of a session whose credentials are not at hand. All in milliseconds. */
export function lastsLonger(
  { expiration, obtainedAt }: { readonly expiration: number; readonly obtainedAt: number },
  now: number,
  minTtlMs: number,
): boolean {
  // A clock that was set back since makes the life negative.
  const marginMs = Math.max(0, Math.min(minTtlMs, (expiration - obtainedAt) / 3));
  return expiration - now > marginMs;
}

/**
 * Whether it is a session of this target's role in this target's account: what is shown is what is worked in, whoever
 * answered or wrote the entry.
 */
function isOfRole(session: Pick<RoleSession, "assumedRoleArn" | "accountId">, target: Target): boolean {
  const { partition, accountId, roleName } = target.role.value;
  const parts = /^arn:([\w-]+):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/[\w+=,.@-]{2,64}$/.exec(
    session.assumedRoleArn,
  );
  return (
    parts?.[1] === partition &&
    parts[2] === accountId &&
    session.accountId === accountId &&
    // IAM compares role names without regard to case.
    parts[3]?.toLowerCase() === roleName.toLowerCase()
  );
}

/** `EACCES: permission denied, mkdir '/home/alice/.cache'` → `permission denied (/home/alice/.cache)` */
function shortReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^E[A-Z]+: ([^,]+), \w+ '([^']*)'.*$/s, "$1 ($2)");
}

async function assumeRole(
  target: Target,
  needsCode: boolean,
  options: RoleSessionOptions,
  ports: RoleSessionPorts,
): Promise<RoleSession> {
  const region = target.region?.value ?? defaultRegionOf(target.role.value.partition);
  const settings: ClientSettings = {
    region,
    endpoint: target.endpoints.sts?.value,
    credentials: target.source.credentials,
    useFipsEndpoint: target.useFipsEndpoint,
    useDualstackEndpoint: target.useDualstackEndpoint,
    connection: target.connection,
    maxAttempts: 1,
  };
  if (!needsCode) {
    const client = await ports.loadStsClient(settings);
    try {
      const name = await resolveSessionName(target, client, region, ports);
      return await callAssumeRole(target, region, client, name, undefined, ports);
    } finally {
      client.close();
    }
  }
  // The call that warms the connection also tells the session name: one call for both, whoever needs it first.
  let naming: Promise<string> | undefined;
  return presentTokenCode(target, options, ports, {
    connect: () => ports.loadStsClient(settings),
    async introduce(client) {
      naming = askSessionName(target, client, region, ports);
      await naming;
    },
    async send(client, code) {
      const name =
        knownSessionName(target, ports) ??
        (await naming?.catch(() => undefined)) ??
        (await resolveSessionName(target, client, region, ports));
      return callAssumeRole(target, region, client, name, code, ports);
    },
  });
}

/** @throws AssumeMfaError MFA_SERIAL_MISSING when a code is needed and no device is known */
function isCodeNeeded(target: Target, options: RoleSessionOptions, ports: RoleSessionPorts): boolean {
  const unneeded = (reason: string) => {
    if (options.givenCode !== undefined)
      ports.note(`the token code from ${options.givenCode.from} was not sent: ${reason}`);
    else ports.note(`no code is asked for: ${reason}`);
    return false;
  };
  if (!target.mfaRequired) return options.givenCode === undefined ? false : unneeded("assume_mfa_required is false");
  // Only an IAM user's own keys can present a code (AWS.md, 3).
  if (!target.source.credentials.isLongTerm)
    return unneeded(`${target.source.label} is a session, which can't present one`);
  if (target.mfaSerial !== undefined) return true;
  const profile = target.profileName ?? target.source.profileName;
  const addLine =
    profile === undefined
      ? ""
      : `add mfa_serial = arn:aws:iam::<account>:mfa/<name> to the profile ${shownName(profile)}, or `;
  throw new AssumeMfaError("MFA_SERIAL_MISSING", `no MFA device is known for ${shownName(target.name)}`, {
    hint: [
      `${addLine}use --serial-number (ASSUME_MFA_SERIAL_NUMBER)`,
      "a role that demands no MFA: assume_mfa_required = false",
    ],
  });
}

/**
 * The IAM user's name, which trust policies can demand (`sts:RoleSessionName = ${aws:username}`), unless one is set.
 * STS is asked who the keys belong to once, and the answer kept by access key id.
 */
async function resolveSessionName(
  target: Target,
  client: StsClient,
  region: string,
  ports: RoleSessionPorts,
): Promise<string> {
  return knownSessionName(target, ports) ?? askSessionName(target, client, region, ports);
}

function knownSessionName(target: Target, ports: RoleSessionPorts): string | undefined {
  if (target.roleSessionName !== undefined) return target.roleSessionName.value;
  return sessionNameOf(ports.callers.read(target.source.credentials.accessKeyId, callerPlace(target)));
}

/** Keys of a sandbox or an emulator can be shaped like anyone's: what they mean is remembered per place. */
function callerPlace(target: Target): string {
  return target.endpoints.sts?.value ?? target.role.value.partition;
}

async function askSessionName(
  target: Target,
  client: StsClient,
  region: string,
  ports: RoleSessionPorts,
): Promise<string> {
  try {
    const arn = await client.getCallerIdentity();
    if (arn === undefined) throw notSts(target, region);
    ports.callers.write(target.source.credentials.accessKeyId, callerPlace(target), arn);
    return sessionNameOf(arn) ?? FALLBACK_SESSION_NAME;
  } catch (error) {
    const failure = classifyFailure(error);
    if (failure === undefined) throw error;
    if (failure.kind === "unsent") throw unreachable(failure, target, region, error);
    if (failure.kind === "ambiguous") {
      throw new AssumeMfaError("REPLY_LOST", `GetCallerIdentity got no usable answer: ${failure.message}`, {
        hint: "no code was sent; try again",
        cause: error,
      });
    }
    const dead = translateCallerFailure(failure, target, error);
    if (dead !== undefined) throw dead;
    return FALLBACK_SESSION_NAME;
  }
}

const FALLBACK_SESSION_NAME = "assume-mfa";

/** The last part of a user's or session's ARN, where AssumeRole takes it as a session name (AWS.md, 2). */
function sessionNameOf(arn: string | undefined): string | undefined {
  const name = arn?.slice(arn.lastIndexOf("/") + 1);
  return name !== undefined && /^[\w+=,.@-]{2,64}$/.test(name) ? name : undefined;
}

async function callAssumeRole(
  target: Target,
  region: string,
  client: StsClient,
  roleSessionName: string,
  code: string | undefined,
  ports: RoleSessionPorts,
): Promise<RoleSession> {
  let output: Awaited<ReturnType<StsClient["assumeRole"]>>;
  try {
    output = await client.assumeRole(assumeRoleInput(target, roleSessionName, code));
  } catch (error) {
    const failure = classifyFailure(error);
    if (failure === undefined) throw error;
    const context = { target, region, roleSessionName, hasTokenCode: code !== undefined };
    throw translateAssumeRoleFailure(failure, context, error);
  }
  const { accessKeyId, secretAccessKey, sessionToken, expiration, assumedRoleArn } = output;
  const accountId = /^arn:[\w-]+:sts::(\d{12}):/.exec(assumedRoleArn ?? "")?.[1];
  const expires = expiration?.getTime() ?? Number.NaN;
  if (!accessKeyId || !secretAccessKey || !sessionToken || !assumedRoleArn || !accountId || Number.isNaN(expires)) {
    throw new AssumeMfaError("REPLY_LOST", "AssumeRole's answer holds no complete credentials", {
      hint: code === undefined ? "check --endpoint-url" : "check --endpoint-url; the token code may be used up",
    });
  }
  // Before anything else, so that no text of ours can show them.
  const credentials = new Credentials({ accessKeyId, secretAccessKey, sessionToken, expiration: expires });
  if (!isOfRole({ assumedRoleArn, accountId }, target)) {
    throw new AssumeMfaError(
      "ACCOUNT_UNEXPECTED",
      `AssumeRole's answer is another role's session: ${assumedRoleArn.slice(0, 200)}`,
      {
        hint: `asked for was ${target.role.value.arn}; nothing was done: check --endpoint-url (AWS_ENDPOINT_URL)`,
      },
    );
  }
  return { credentials, assumedRoleArn, accountId, obtainedAt: ports.host.now(), isFromCache: false };
}
