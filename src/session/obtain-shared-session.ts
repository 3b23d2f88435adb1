import { AssumeMfaError } from "../errors.ts";
import type { SignIn } from "../target/target.ts";
import { findDevice, forgetRejectedDevice } from "./find-device.ts";
import { openSharedSession } from "./open-shared-session.ts";
import type { RoleSessionOptions, RoleSessionPorts } from "./role-session.ts";
import { liveShared } from "./route-facts.ts";
import type { KeptSharedSession, SharedPlace, SharedSession } from "./shared-sessions.ts";
import { shortReason } from "./short-reason.ts";
import { placeName } from "./signer.ts";
import { codeSourceRequest, refuseCodeCircle } from "./token-code-source.ts";
import { takeTurn } from "./turn.ts";

/** The session of the day, without its secrets, which stay where they are kept. */
export interface ObtainedSharedSession {
  readonly head: KeptSharedSession;
  /** False: a code was sent for it just now. */
  readonly isFromCache: boolean;
}

/**
 * Signs in for the day: the shared session that is live, else one that is opened with a code and kept. Any number of
 * processes at once ask one question.
 * @throws AssumeMfaError as `findDevice` and `openSharedSession` throw; CACHE_UNUSABLE when it can't be kept anywhere, since
 *   nothing would be left of it
 */
export async function obtainSharedSession(
  signIn: SignIn,
  options: Pick<RoleSessionOptions, "givenCode" | "mayAsk" | "refresh" | "noCache" | "minTtlMs">,
  ports: RoleSessionPorts,
): Promise<ObtainedSharedSession> {
  const { host, shared, locks, note } = ports;
  const find = () => liveShared(signIn, host.now(), shared, options.minTtlMs);
  // `--refresh` takes none that was there before, only what somebody made while it waited.
  const refused = options.refresh ? find()?.accessKeyId : undefined;
  const look = () => {
    const head = find();
    return head === undefined || head.accessKeyId === refused ? undefined : head;
  };
  const serve = (head: KeptSharedSession): ObtainedSharedSession => {
    const { givenCode } = options;
    if (givenCode !== undefined) {
      note(`the token code from ${givenCode.from} was not needed and not sent: a shared session is live`);
    }
    return { head, isFromCache: true };
  };

  const live = look();
  if (live !== undefined) return serve(live);
  try {
    shared.prepare();
  } catch (error) {
    throw cantBeKept(
      error,
      "no code was asked for; a role's own session needs no such place: assume-mfa <target> login",
    );
  }
  const forWhom = signIn.source.profileName ?? signIn.source.label;
  refuseCodeCircle(codeSourceRequest(signIn), forWhom, options, ports);
  const device = await findDevice(signIn, options, ports);
  const subject = { lock: [device.serial, placeName(signIn)], doing: "presents a code of the same device" };
  const turn = await takeTurn(subject, locks, host, note, async () => look());
  if (turn.kind === "served") return serve(turn.served);
  try {
    const request = {
      forWhom,
      wantedFor: signIn.source.label,
      mfaSerial: device.serial,
      place: placeName(signIn),
      mfaProcess: signIn.mfaProcess,
    };
    const opened = await openSharedSession(signIn, request, options, ports);
    const { keptIn, reason } = await shared.write(opened).catch((error: unknown) => {
      throw cantBeKept(error, "the token code is used up: take the next one");
    });
    if (keptIn === "file") note(`kept in a file that only you can read, since the keychain can't be used: ${reason}`);
    return { head: headOf(opened, keptIn), isFromCache: false };
  } catch (error) {
    forgetRejectedDevice(error, signIn, options, ports);
    throw error;
  } finally {
    // After it is kept: whoever waits finds it.
    turn.release();
  }
}

function cantBeKept(error: unknown, hint: string): AssumeMfaError {
  return new AssumeMfaError("CACHE_UNUSABLE", `the session of the day can't be kept: ${shortReason(error)}`, {
    hint: ["set XDG_CACHE_HOME to a folder that can be written", hint],
    cause: error,
  });
}

function headOf({ credentials: _, ...head }: SharedSession, keptIn: SharedPlace): KeptSharedSession {
  return { ...head, keptIn };
}

/** Keeps a session that was opened on the way to a role. What can't be kept still serves this run. */
export async function keepShared(
  session: SharedSession,
  { shared, note }: Pick<RoleSessionPorts, "shared" | "note">,
): Promise<void> {
  try {
    const { keptIn, reason } = await shared.write(session);
    if (keptIn === "keychain") note("the shared session is kept in the keychain");
    if (keptIn === "file") {
      note(`the shared session is kept in a file that only you can read, since the keychain can't be used: ${reason}`);
    }
  } catch (error) {
    note(`the shared session could not be kept: ${shortReason(error)}`);
  }
}
