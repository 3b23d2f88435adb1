import type { ClientSettings } from "../aws/client-settings.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { AssumeMfaError } from "../errors.ts";
import type { CapturedOutput, CaptureLimits } from "../host/captured-command.ts";
import type { Environment, Host } from "../host/host.ts";
import type { Locks } from "../host/lock.ts";
import { isOpenedByToken } from "../target/refuse-impossible-chain.ts";
import type { SignIn, SourceProvided, Target } from "../target/target.ts";
import { shownName } from "../text/shown-name.ts";
import type { CodeRequest } from "./ask-token-code.ts";
import type { AwsCliCache } from "./aws-cli-cache.ts";
import { shareWithAwsCli, takeAwsCliSession } from "./aws-cli-session.ts";
import { callAssumeRole, isOfRole } from "./call-assume-role.ts";
import type { CallerStore } from "./caller-store.ts";
import { runningWith } from "./credential-process.ts";
import { type FindDevicePorts, type FoundDevice, findDevice, forgetRejectedDevice } from "./find-device.ts";
import { keepShared } from "./obtain-shared-session.ts";
import { openSharedSession } from "./open-shared-session.ts";
import { openTokenSession } from "./open-token-session.ts";
import type { RecordSession } from "./opened-session.ts";
import type { ProvidedRequest } from "./provided-request.ts";
import type { RoleFactsStore } from "./role-facts.ts";
import { chooseRoute, type Route, type RouteFacts } from "./route.ts";
import {
  HOP_TTL_MS,
  isLive,
  liveShared,
  plainReason,
  refuseLearntDuration,
  routeFacts,
  unusedDevice,
} from "./route-facts.ts";
import type { SessionCache } from "./session-cache.ts";
import { canonicalText, inputsDigest, type SessionInputs, sessionInputs } from "./session-inputs.ts";
import { askSessionName, knownSessionName, sessionNameOf } from "./session-name.ts";
import type { KeptSharedSession, SharedSession, SharedSessions } from "./shared-sessions.ts";
import { shortReason } from "./short-reason.ts";
import { placeName, placeOf, type Signer, signInOf, stsSettings } from "./signer.ts";
import type { SpentCodes } from "./spent-codes.ts";
import type { StoredSecrets } from "./stored-secrets.ts";
import type { StsClient } from "./sts-client.ts";
import type { GivenTokenCode } from "./token-code.ts";
import { codeSourceRequest, isCodeAtHand, presentTokenCode, refuseCodeCircle } from "./token-code-source.ts";
import { takeTurn } from "./turn.ts";

export { isLive, lastsLonger, liveShared } from "./route-facts.ts";

/** A role session: the credentials that open a role in a child account. */
export interface RoleSession {
  readonly credentials: Credentials;
  /** `arn:aws:sts::<account>:assumed-role/<role>/<session name>` */
  readonly assumedRoleArn: string;
  readonly accountId: string;
  /** Milliseconds since 1970 by this machine's clock. */
  readonly obtainedAt: number;
  /** AWS's clock less this machine's, milliseconds, when it was obtained: 0 where it was not told. */
  readonly clockOffsetMs: number;
  readonly isFromCache: boolean;
}

export interface RoleSessionOptions {
  /** Six digits, checked; undefined: from elsewhere, if a code is needed. */
  readonly givenCode: GivenTokenCode | undefined;
  /** Assume again even if the cache serves, and whatever was learnt of the role. */
  readonly refresh: boolean;
  /** Neither read nor write the cache. */
  readonly noCache: boolean;
  /** False: what is missing is an error, never a question. */
  readonly mayAsk: boolean;
  /** A session that ends sooner than this is assumed again. Milliseconds; never over a third of the session's life. */
  readonly minTtlMs: number;
  /** The run is over several targets, which share one code. */
  readonly isOneOfSeveral: boolean;
  /** A shared session that is opened on the way is kept: `login` alone does. */
  readonly keepsShared: boolean;
}

export interface RoleSessionPorts {
  readonly host: Pick<Host, "now" | "sleep" | "env" | "openTerminal" | "interrupts">;
  readonly cache: SessionCache;
  readonly awsCliCache: AwsCliCache;
  readonly callers: CallerStore;
  readonly shared: SharedSessions;
  readonly roleFacts: RoleFactsStore;
  readonly spentCodes: SpentCodes;
  readonly storedSecrets: StoredSecrets;
  readonly devices: FindDevicePorts["devices"];
  /** One question for any number of processes. */
  readonly locks: Locks;
  /** Imports the SDK: called only when a call is due, and after the prompt is painted. */
  loadStsClient(settings: ClientSettings): Promise<StsClient>;
  readonly loadIamClient: FindDevicePorts["loadIamClient"];
  /** Asks whoever gives a source's credentials. @throws as `provided-credentials.ts` does */
  loadProvidedCredentials(request: ProvidedRequest): Promise<Credentials>;
  /** Runs a program for what it prints, on the user's terminal. @throws InterruptedError */
  captureCommand(command: readonly string[], env: Environment, limits: CaptureLimits): Promise<CapturedOutput>;
  /** A line on standard error. */
  note(text: string): void;
  /** Keeps what a call opened in the history. */
  readonly recordSession?: RecordSession;
}

/**
 * A live session of the target's role: from the cache, else by AssumeRole, signed by whoever the route says, with a code
 * where one is needed.
 * @throws AssumeMfaError of the codes that `sts-errors.ts` makes, those of `chooseRoute`, `findDevice` and
 *   `presentTokenCode`, NETWORK, DEVICE_BUSY
 */
export async function obtainRoleSession(
  target: Target,
  options: RoleSessionOptions,
  ports: RoleSessionPorts,
): Promise<RoleSession> {
  return new Obtaining(target, options, ports).obtain();
}

class Obtaining {
  readonly #target: Target;
  readonly #options: RoleSessionOptions;
  readonly #ports: RoleSessionPorts;
  readonly #inputs: SessionInputs;
  readonly #mayCache: boolean;
  /** `--refresh` takes none that was there before, only what somebody made while it waited. */
  #refusedKeyId: string | undefined;
  /** The key id of a shared session that can't be opened. */
  #unusableShared: string | undefined;
  /** The given code went out, for the shared session that is used now. */
  #isCodeSent = false;

  constructor(target: Target, options: RoleSessionOptions, ports: RoleSessionPorts) {
    this.#target = target;
    this.#options = options;
    this.#ports = ports;
    this.#inputs = sessionInputs(target);
    this.#mayCache = !options.noCache && target.cache.value !== "none";
  }

  async obtain(): Promise<RoleSession> {
    const { refresh } = this.#options;
    if (this.#mayCache && refresh) {
      this.#refusedKeyId = (await this.#ports.cache.read(this.#inputs))?.credentials.accessKeyId;
    }
    const cached = await this.#look();
    if (cached !== undefined) {
      shareWithAwsCli(this.#target, cached, this.#ports);
      return this.#serve(cached, "a live session is cached");
    }
    const taken = await this.#takeFromAwsCli();
    if (taken !== undefined) return this.#serve(taken, "the AWS CLI has a live session");
    const { source } = this.#target;
    switch (source.kind) {
      case "role":
        return this.#throughRole(source.target, source.label);
      case "provided":
        return this.#throughProvided(source);
      case "keys":
        if (!source.credentials.isLongTerm) {
          return this.#plainly(source, this.#routeOf().reason);
        }
        return this.#asUser(signInOf(this.#target) as SignIn);
    }
  }

  /** What serves now. */
  async #look(): Promise<RoleSession | undefined> {
    if (!this.#mayCache) return undefined;
    const cached = await this.#ports.cache.read(this.#inputs);
    if (cached === undefined || cached.credentials.accessKeyId === this.#refusedKeyId) return undefined;
    const isGood = isOfRole(cached, this.#target) && isLive(cached, this.#ports.host.now(), this.#options.minTtlMs);
    return isGood ? cached : undefined;
  }

  async #takeFromAwsCli(): Promise<RoleSession | undefined> {
    if (!this.#mayCache || this.#options.refresh) return undefined;
    return takeAwsCliSession(
      this.#target,
      this.#options.minTtlMs,
      this.#ports,
      () => this.#look(),
      (session) => this.#keep(session),
    );
  }

  async #keep(session: RoleSession): Promise<RoleSession> {
    if (this.#mayCache) {
      try {
        await this.#ports.cache.write(this.#inputs, session, this.#target.cache.value === "keychain");
      } catch (error) {
        // The credentials matter more than keeping them (ACCEPTANCE.md C6).
        this.#ports.note(`the session could not be cached: ${shortReason(error)}`);
      }
      if (!session.isFromCache) shareWithAwsCli(this.#target, session, this.#ports);
    }
    return session;
  }

  /** @param why completes `the token code … was not needed and not sent: …` */
  #serve(session: RoleSession, why: string): RoleSession {
    const { givenCode } = this.#options;
    if (givenCode !== undefined && !this.#isCodeSent) {
      this.#ports.note(`the token code from ${givenCode.from} was not needed and not sent: ${why}`);
    }
    return session;
  }

  async #throughRole(hop: Target, label: string): Promise<RoleSession> {
    const target = this.#target;
    this.#routeOf();
    if (target.mfaSerial !== undefined && target.mfaRequired.value) this.#ports.note(unusedDevice(target, label));
    const { credentials, assumedRoleArn } = await obtainRoleSession(
      hop,
      { ...this.#options, refresh: false, minTtlMs: HOP_TTL_MS },
      this.#ports,
    );
    return this.#assumeInTurn({ label, credentials }, sessionNameOf(assumedRoleArn));
  }

  async #throughProvided(source: SourceProvided): Promise<RoleSession> {
    const isToken = isOpenedByToken(this.#target);
    const { reason } = isToken ? { reason: `${source.label} opens the role` } : this.#routeOf();
    // Before the turn, which the run that this one is inside of has.
    if (source.provider.kind === "process") runningWith(source, this.#ports.host.env);
    // Of N processes one runs the program, or asks.
    return this.#inTurn(`provided ${source.profileName}`, async () => {
      if (isToken) {
        this.#sayPlain(reason);
        return this.#keep(await openTokenSession(this.#target, source, this.#ports));
      }
      const { note } = this.#ports;
      const request = { source, place: placeOf(this.#target), shape: undefined, note };
      const credentials = await this.#ports.loadProvidedCredentials(request);
      if (!credentials.isLongTerm || this.#target.mfaSerial === undefined) {
        return this.#plainly({ label: source.label, credentials }, plainReason(source, credentials) ?? reason);
      }
      // A program that keeps a user's keys: those can present a code.
      return this.#asUser(signInOf({ ...this.#target, source: { ...source, kind: "keys", credentials } }) as SignIn);
    });
  }

  /** Without a code, which is said. */
  async #plainly(signer: Signer, reason: string): Promise<RoleSession> {
    this.#sayPlain(reason);
    return this.#assumeInTurn(signer);
  }

  #sayPlain(reason: string): void {
    const { givenCode } = this.#options;
    if (givenCode !== undefined) this.#ports.note(`the token code from ${givenCode.from} was not sent: ${reason}`);
    else if (this.#target.mfaRequired.value) this.#ports.note(`no code is asked for: ${reason}`);
  }

  #assumeInTurn(signer: Signer, sessionName?: string): Promise<RoleSession> {
    return this.#inTurn("session", async () => this.#keep(await this.#assume(signer, sessionName)));
  }

  /**
   * Once for any number of processes that want the same session.
   * @param what part of the way is locked: the one holds the other
   * @param make keeps the session, for those who wait
   */
  async #inTurn(what: string, make: () => Promise<RoleSession>): Promise<RoleSession> {
    if (!this.#mayCache) return make();
    const { locks, host, note } = this.#ports;
    const subject = { lock: [what, inputsDigest(canonicalText(this.#inputs))], doing: "assumes the same role" };
    const turn = await takeTurn(subject, locks, host, note, () => this.#look());
    if (turn.kind === "served") return turn.served;
    try {
      return await make();
    } finally {
      turn.release();
    }
  }

  async #assume(signer: Signer, sessionName: string | undefined): Promise<RoleSession> {
    const target = this.#target;
    const place = placeOf(target);
    const { callers } = this.#ports;
    const client = await this.#ports.loadStsClient(stsSettings(place, signer.credentials));
    try {
      const name =
        target.roleSessionName?.value ??
        sessionName ??
        knownSessionName(signer, place, callers) ??
        (await askSessionName(signer, place, client, callers, false));
      return await callAssumeRole(target, signer, client, name, undefined, this.#ports);
    } catch (error) {
      this.#learn(error);
      throw error;
    } finally {
      client.close();
    }
  }

  /** An IAM user's own keys: a code can be presented, and a shared session serve in its place. */
  async #asUser(signIn: SignIn): Promise<RoleSession> {
    const { host, locks, note } = this.#ports;
    let denied: AssumeMfaError | undefined;
    for (;;) {
      const shared = this.#liveShared(signIn);
      const route = this.#route(signIn, shared, denied !== undefined);
      if (route.kind === "plain") {
        // Nobody wonders why the profile's own word is followed.
        const { givenCode } = this.#options;
        if (givenCode !== undefined) note(`the token code from ${givenCode.from} was not sent: ${route.reason}`);
        return this.#assumeInTurn(signIn.source);
      }
      refuseLearntDuration(this.#target, signIn, route, this.#options, this.#ports);
      if (route.kind === "shared" && shared !== undefined) {
        const opened = await this.#openKept(shared);
        if (opened === undefined) continue;
        const served = await this.#byShared(signIn, opened);
        if (!(served instanceof AssumeMfaError)) return served;
        if (served.code === "ASSUME_ROLE_DENIED") denied = served;
        else await this.#forgetDead(shared, served);
        continue;
      }
      refuseCodeCircle(codeSourceRequest(signIn), this.#target.name, this.#options, this.#ports);
      const device = await findDevice(signIn, this.#options, this.#ports);
      if (route.isToBeSaid)
        note(`${shownName(this.#target.name)} goes direct, with a code of its own: ${route.reason}`);
      const turn = await takeTurn(
        { lock: [device.serial, placeName(signIn)], doing: "presents a code of the same device" },
        locks,
        host,
        note,
        async () => (await this.#look()) ?? this.#openedMeanwhile(signIn, route, shared),
      );
      if (turn.kind === "served") {
        if ("assumedRoleArn" in turn.served) return this.#serve(turn.served, "a live session is cached");
        continue;
      }
      try {
        if (route.kind === "shared") {
          const opened = await this.#openShared(signIn, device);
          const served = await this.#byShared(signIn, opened);
          if (!(served instanceof AssumeMfaError)) return served;
          throw served;
        }
        const session = await this.#keep(await this.#assumeWithCode(signIn, device));
        if (denied !== undefined) this.#learnOfRole({ refusesShared: true });
        return session;
      } catch (error) {
        this.#learn(error);
        forgetRejectedDevice(error, signIn, this.#options, this.#ports);
        throw denied !== undefined && isNobodyThere(error) ? denied : error;
      } finally {
        // After the session is kept: whoever waits finds it.
        turn.release();
      }
    }
  }

  /** Whoever signs but an IAM user's own keys. */
  #routeOf(): Route {
    return chooseRoute(routeFacts(this.#target, undefined, this.#options, this.#ports));
  }

  #route(signIn: SignIn, shared: KeptSharedSession | undefined, isDenied: boolean): Route {
    const facts = routeFacts({ ...this.#target, source: signIn.source }, shared, this.#options, this.#ports);
    return chooseRoute(isDenied ? { ...facts, mode: DIRECT_AFTER_DENIAL } : facts);
  }

  /** While it waited, somebody may have signed in for the day: no second code then. */
  #openedMeanwhile(signIn: SignIn, route: Route, before: KeptSharedSession | undefined): KeptSharedSession | undefined {
    if (before !== undefined) return undefined;
    const shared = this.#liveShared(signIn);
    if (shared === undefined) return undefined;
    return route.kind === "shared" || this.#route(signIn, shared, false).kind === "shared" ? shared : undefined;
  }

  #liveShared(signIn: SignIn): KeptSharedSession | undefined {
    const { host, shared } = this.#ports;
    const live = liveShared(signIn, host.now(), shared);
    if (live === undefined || live.accessKeyId === this.#unusableShared) return undefined;
    // One of this run's own is no cache.
    return this.#options.noCache && live.keptIn !== "memory" ? undefined : live;
  }

  /** @returns undefined when it can't be used now, so that this run goes on without it */
  async #openKept(shared: KeptSharedSession): Promise<SharedSession | undefined> {
    let reason: string;
    try {
      const opened = await this.#ports.shared.open(shared);
      if (opened !== undefined) return opened;
      reason = "its secrets are gone from where they were kept";
      await this.#ports.shared.remove(shared);
    } catch (error) {
      // A keychain that is locked now may be open next time: it is not forgotten for that.
      reason = shortReason(error);
    }
    this.#ports.note(`the shared session can't be used: ${reason}`);
    this.#unusableShared = shared.accessKeyId;
    return undefined;
  }

  async #openShared(signIn: SignIn, device: FoundDevice): Promise<SharedSession> {
    const opened = await openSharedSession(signIn, this.#request(device), this.#options, this.#ports);
    this.#isCodeSent = true;
    if (this.#options.keepsShared) await keepShared(opened, this.#ports);
    return opened;
  }

  /** AWS ends a session before its time when the user's key is deleted: nobody is to wait for its own end. */
  async #forgetDead(shared: KeptSharedSession, { message }: AssumeMfaError): Promise<void> {
    this.#ports.note(`the shared session is forgotten, since AWS does not take it any more: ${message}`);
    this.#unusableShared = shared.accessKeyId;
    await this.#ports.shared.remove(shared);
  }

  /** @returns the session; the refusal when it is to go on without the shared session */
  async #byShared(signIn: SignIn, shared: SharedSession): Promise<RoleSession | AssumeMfaError> {
    const { callers, note } = this.#ports;
    const signer = {
      label: `the shared session of ${signIn.source.label}`,
      credentials: shared.credentials,
      isShared: true,
    };
    try {
      const name = knownSessionName(signIn.source, placeOf(this.#target), callers);
      return this.#serve(await this.#assumeInTurn(signer, name), "a shared session is live");
    } catch (error) {
      if (!(error instanceof AssumeMfaError)) throw error;
      if (error.code === "SOURCE_CREDENTIALS_INVALID") return error;
      if (error.code !== "ASSUME_ROLE_DENIED") throw error;
      const { mfaSerial, place } = shared;
      if (!isCodeAtHand({ mfaProcess: signIn.mfaProcess, mfaSerial, place }, this.#options, this.#ports)) {
        throw error;
      }
      note(
        `${shownName(this.#target.name)} refuses the shared session: its trust policy may demand a fresher code ` +
          "(aws:MultiFactorAuthAge), so one is tried directly",
      );
      return error;
    }
  }

  async #assumeWithCode(signIn: SignIn, device: FoundDevice): Promise<RoleSession> {
    const target = this.#target;
    const place = placeOf(target);
    const { callers } = this.#ports;
    const signer: Signer = signIn.source;
    const known = () => target.roleSessionName?.value ?? knownSessionName(signer, place, callers);
    const ask = (client: StsClient) => askSessionName(signer, place, client, callers);
    // The call that warms the connection also tells the session name: one call for both, whoever needs it first.
    let naming: Promise<string> | undefined;
    let name = "";
    return presentTokenCode(this.#request(device), this.#options, this.#ports, {
      connect: () => this.#ports.loadStsClient(stsSettings(place, signer.credentials)),
      async introduce(client) {
        naming = ask(client);
        await naming;
      },
      async prepare(client) {
        name = known() ?? (await naming?.catch(() => undefined)) ?? (await ask(client));
      },
      send: async (client, tokenCode) => {
        const code = { tokenCode, mfaSerial: device.serial };
        return callAssumeRole(target, signer, client, name, code, this.#ports);
      },
    });
  }

  #request({ serial }: FoundDevice): CodeRequest {
    const { name, role, mfaProcess } = this.#target;
    return {
      forWhom: name,
      wantedFor: `${shownName(name)} (account ${role.value.accountId})`,
      mfaSerial: serial,
      place: placeName(placeOf(this.#target)),
      mfaProcess,
    };
  }

  #learn(error: unknown): void {
    if (!(error instanceof AssumeMfaError) || error.code !== "SESSION_SETTING_REFUSED") return;
    const seconds = error.details?.refusedDurationSeconds;
    if (typeof seconds === "number") this.#learnOfRole({ refusedDurationSeconds: seconds });
  }

  #learnOfRole(facts: Parameters<RoleFactsStore["write"]>[3]): void {
    const { source, role } = this.#target;
    if (source.kind !== "keys" || this.#options.noCache) return;
    const { accessKeyId } = source.credentials;
    this.#ports.roleFacts.write(role.value.arn, accessKeyId, placeName(placeOf(this.#target)), facts);
  }
}

const DIRECT_AFTER_DENIAL: RouteFacts["mode"] = Object.freeze({
  value: "direct",
  origin: Object.freeze({ kind: "default", reason: "the shared session was refused" }),
});

function isNobodyThere(error: unknown): boolean {
  return error instanceof AssumeMfaError && error.code === "TOKEN_CODE_MISSING";
}
