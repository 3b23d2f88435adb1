import type { ClientSettings } from "../aws/client-settings.ts";
import type { AssumeMfaError, InterruptedError } from "../errors.ts";
import type { Host, Interrupts } from "../host/host.ts";
import type { IamNeed } from "../policy/build-session-policy.ts";
import type { ServiceId, Sourced, Target } from "../target/target.ts";

export type { IamNeed } from "../policy/build-session-policy.ts";

/** Where an action works, and with what: one target, one account, one region, one session. */
export interface ActionScope {
  readonly target: Target;
  /** Of the role, twelve digits. */
  readonly accountId: string;
  readonly region: Sourced<string>;
  /** Of the session, as CloudTrail shows it. */
  readonly sessionName?: string | undefined;
  /**
   * @param maxAttempts how often one call may be sent: {@link READ_ATTEMPTS} for what only reads, 1 for what changes
   */
  readonly clientSettings: (service: ServiceId, maxAttempts: number) => ClientSettings;
  readonly clock: Pick<Host, "now" | "sleep">;
  /** The same region of accounts that a session is at hand for, to look for what is missing here. */
  readonly otherAccounts?: () => Promise<readonly ActionScope[]>;
  readonly interrupts: Pick<Interrupts, "signal" | "hold">;
}

/** Reads may be sent again by the SDK. What changes something is sent once (AWS.md, "What follows for the CLI"). */
export const READ_ATTEMPTS = 3;

/** Whose resources an ARN is made for. */
export interface ResourceHome {
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
}

/** How an action is spoken of: `terminate`, `terminated`, `instance`, `instances`, `termination protection`. */
export interface Wording {
  readonly verb: string;
  readonly done: string;
  readonly noun: string;
  readonly nouns: string;
  /** What stops it, as AWS calls it; undefined where AWS has no such switch for this action. */
  readonly protection: string | undefined;
  /** In which states it can be done, for the hint: `only what is stopped can be started`. */
  readonly stateRule?: string | undefined;
}

/**
 * How far a resource is on the way to what the action wants.
 * `untouched`: not on the way. `under way`: AWS is doing it. `reached`: it is so.
 */
export type Phase = "untouched" | "under way" | "reached";

export type Protection = "protected" | "unprotected" | "unknown";

/** A resource's true state when last read. */
export interface ResourceState {
  /** AWS's word (`shutting-down`, `DELETING`), or `gone` for what AWS no longer has; undefined where it was not said. */
  readonly state: string | undefined;
  readonly phase: Phase;
  /** What a person should know beside the state. */
  readonly remark?: string | undefined;
  /** Why it is not on the way any more, nor will be: nobody waits for it. */
  readonly failed?: AssumeMfaError | undefined;
}

/** One resource as looking at it found it. Text from AWS is raw: whoever prints it makes it visible. */
export interface ResourceView {
  /** What the user names it by. */
  readonly id: string;
  /** The Name tag; undefined where there is none. */
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly zone: string | undefined;
  /** Undefined: the role may not look at it. */
  readonly state: string | undefined;
  readonly phase: Phase;
  /** What makes the action impossible as it is, completing `<id> …`: `is stopping`. Undefined where nothing does. */
  readonly obstacle?: string | undefined;
  /** Milliseconds since 1970: launched or created. */
  readonly createdAt: number | undefined;
  readonly protection: Protection;
  /**
   * What tells this resource from a later one of the same name, and is compared again before it is done;
   * undefined where an id is never given twice, or where the role may not look.
   */
  readonly pin: string | undefined;
  /** Sizes and the like, worth showing before it is lost: label and value. */
  readonly facts: readonly (readonly [label: string, value: string])[];
}

export interface Look {
  /** In the order of the ids, which were all found (or may not be looked at). */
  readonly resources: readonly ResourceView[];
  /** Milliseconds since 1970: when this was read. */
  readonly at: number;
}

/** What `ActionSteps.look` found, before the unknown ids stop the run. */
export interface LookAnswer {
  readonly resources: readonly ResourceView[];
  /** Ids that AWS does not know. */
  readonly missing: readonly string[];
}

/** Where a missing id was found. */
export interface Whereabouts {
  readonly id: string;
  readonly region: string;
  /** Twelve digits, and the target by which it is reached; undefined where it is the account that was asked. */
  readonly elsewhere?: { readonly accountId: string; readonly targetName: string } | undefined;
}

/** What was made of a resource before it was done, and stays when the resource is gone. */
export interface Backup {
  /** AWS does not want it to be unique: the ARN is. */
  readonly name: string;
  readonly arn: string;
  /** AWS's word, when last read: `CREATING`, `AVAILABLE`; `unknown` where the last reading failed. */
  readonly status: string;
}

/** What a preparation tells while it goes on. */
export interface PreparationPorts {
  /** After a refusal that passes, a call is not sent again after this; milliseconds since 1970. */
  readonly retryUntil: number;
  /** Called again when it is read again: the last one stands in the report, also when the preparation fails. */
  made(backup: Backup): void;
  /** A mutating call was answered. */
  asked(requestId: string | undefined): void;
  /** What is waited for, such as `backup CREATING`. */
  waiting(word: string): void;
}

export interface ActReply {
  /** By id, what the reply said of each. An id that it left out is read afterwards. */
  readonly states: ReadonlyMap<string, ResourceState>;
  /**
   * By id, what is not what was shown any more, so that it was left alone without a call, or that the call hit another
   * one: why, and AWS's word for its state.
   */
  readonly spared?: ReadonlyMap<string, { readonly error: AssumeMfaError; readonly state: string }>;
  /** Undefined where no call was needed. */
  readonly requestId: string | undefined;
}

/**
 * The work of one action in one scope. Errors are `AssumeMfaError`s as `action-errors.ts` makes them; `awsFailureOf`
 * tells how the call failed.
 */
export interface ActionSteps {
  /**
   * Never throws for an unknown id, nor because the role may not look.
   * @param ids checked, without duplicates
   * @param others how many more the run is about, which are looked at apart. Default: none
   */
  look(ids: readonly string[], others?: number): Promise<LookAnswer>;
  /**
   * These in the batches of one mutating call each, in order, where it is not `batchSize` alone that decides.
   * Default: by `batchSize`.
   */
  batchesOf?(views: readonly ResourceView[]): readonly (readonly ResourceView[])[];
  /**
   * Asks AWS whether it would go through, changing nothing.
   * Undefined where the service can't be asked.
   * @returns why it would not; undefined when it would
   */
  readonly dryRun: ((batch: readonly ResourceView[]) => Promise<AssumeMfaError | undefined>) | undefined;
  /**
   * The mutating call: sent once for a batch of at most `batchSize`. May send again only after a refusal that proves
   * that nothing was done, and not after `retryUntil` (milliseconds since 1970).
   * @throws InterruptedError only when nothing was sent
   */
  act(batch: readonly ResourceView[], retryUntil: number): Promise<ActReply>;
  /**
   * Makes what must be there before the resource may be done: a backup. Called right before `act`, with one resource a
   * batch. When it throws, the resource is left alone and nothing was asked about it.
   * @throws InterruptedError when the person interrupted, whatever was made by then, unless AWS had refused before
   */
  prepare?(view: ResourceView, giveUpAt: number, ports: PreparationPorts): Promise<void>;
  /** After this refusal some of the batch may be done all the same: each one is read for a while. */
  mayBePartial(error: AssumeMfaError): boolean;
  /** The true state of each, read now. */
  read(views: readonly ResourceView[]): Promise<ReadonlyMap<string, ResourceState>>;
  /** True where no state ever shows whether it was done: what became of a lost call stays unknown. Default: false. */
  readonly leavesNoTrace?: boolean;
  /** Where else ids are that are missing here, as far as the role may look: a hint for each. Never throws. */
  findElsewhere?(missing: readonly string[]): Promise<readonly Whereabouts[]>;
  close(): void;
}

/**
 * An action that destroys or stops something: look, show, confirm, do, wait, report, driven by `run-destructive.ts`.
 * A new one is a file that makes this, and its test.
 */
export interface DestructiveAction {
  /** As it is typed: `terminate`. */
  readonly name: string;
  readonly wording: Wording;
  readonly service: ServiceId;
  /** The most resources that one mutating call takes; 1 where there is something to prepare for each. */
  readonly batchSize: number;
  /** What is made before each is done, shown with what is about to be lost: `a backup is made first`. */
  readonly precaution?: string | undefined;
  /** How long AWS usually takes until it is so, seconds: a session that ends sooner is not started with. */
  readonly usualSeconds: number;
  /** How long the preparation of one usually takes, seconds, which is waited for in any case. Default: 0 */
  readonly preparationSeconds?: number;
  /** Checks operands before anything is asked or called. @throws USAGE naming the first bad one */
  readonly checkIds: (words: readonly string[]) => readonly string[];
  /** What the role (or a session policy of `--scoped`) must allow for looking, doing and waiting. */
  readonly needs: (ids: readonly string[], home: ResourceHome) => readonly IamNeed[];
  /**
   * Loads the AWS SDK and makes the clients.
   * @param note a line for people, on standard error
   */
  readonly open: (scope: ActionScope, note: (text: string) => void) => Promise<ActionSteps>;
}

/**
 * `done`: it is so. `pending`: AWS took it and is at it. `failed`: AWS refused, or another one was hit than was shown.
 * `not done`: not sent, or sent with the answer lost and nothing to be seen of it for a while. `unknown`: asked, and it can't be read what became of it.
 * `would be done`: only in a dry run.
 */
export type Outcome = "done" | "pending" | "failed" | "not done" | "unknown" | "would be done";

export interface ResourceReport {
  readonly id: string;
  readonly name: string | null;
  /** Its state before anything was done; null where the role may not look. */
  readonly before: string | null;
  /** Its true state when last read; null where it could not be read after a call about it. */
  readonly state: string | null;
  readonly outcome: Outcome;
  /** Why it is not `done`, or what else to know: one line, text from AWS in it raw. */
  readonly reason?: string;
  /** Where one was made, whatever became of the resource. */
  readonly backup?: Backup;
}

/** The documented `-o json` result of a destructive action. */
export interface Report {
  readonly action: string;
  readonly dryRun: boolean;
  /** A signal ended the run before its end: what was not sent by then is `not done`. Left out otherwise. */
  readonly interrupted?: true;
  readonly resources: readonly ResourceReport[];
  /** Of the mutating calls, by which CloudTrail finds them. */
  readonly requestIds: readonly string[];
}

/** How the run ends: thrown by whoever printed the report. */
export type RunFailure = AssumeMfaError | InterruptedError;
