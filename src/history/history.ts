import type { ChainReport } from "./verify-chain.ts";

/** Where AWS gave a session, or what was done with one; each is a line. Text from AWS stands in it raw. */
export type HistoryEntry = SessionEntry | ActionBegun | ActionEnded;

/** How a session was opened. `chain`: with another role's session. `plain`: signed by the source alone, without a code. */
export type SessionRoute = "direct" | "shared" | "plain" | "chain" | "web identity";

/** A session that a call opened; none for one that was cached. */
export interface SessionEntry {
  readonly event: "AssumeRole" | "AssumeRoleWithWebIdentity" | "GetSessionToken";
  /** As the user named it; null for the shared session, which is for all of them. */
  readonly target: string | null;
  /** Twelve digits; null where it is not known. */
  readonly account: string | null;
  /** ARN; null for the shared session. */
  readonly role: string | null;
  readonly sessionName: string | null;
  /** Of the session: CloudTrail knows all that it did by it. */
  readonly accessKeyId: string;
  readonly route: SessionRoute;
  /** Whose keys signed; null where nobody's did. */
  readonly sourceAccessKeyId: string | null;
  /** The device whose code was sent; null when none was. */
  readonly mfaSerial: string | null;
  /** As asked for; null: AWS's default. */
  readonly durationSeconds: number | null;
  /** ISO 8601. */
  readonly expiration: string;
  readonly requestId: string | null;
  /** The address that was called in place of AWS's own. */
  readonly endpoint?: string | undefined;
}

interface ActionFacts {
  /** The same in both lines of an action. */
  readonly run: string;
  readonly target: string;
  readonly account: string;
  readonly region: string;
  readonly role: string;
  readonly sessionName: string | null;
  /** Of its session; of several, where each may only do a part of it (`--scoped`). */
  readonly accessKeyIds: readonly string[];
  /** As it is typed: `terminate`. */
  readonly action: string;
  /** How it was agreed to; null: it was not, or there was nothing to agree to. */
  readonly confirmed: "yes" | "typed" | "--yes" | "never" | null;
  readonly endpoint?: string | undefined;
}

/** Written before the first call that changes something, so that a crash in between leaves a trace. */
export interface ActionBegun extends ActionFacts {
  readonly event: "action begun";
  readonly resources: readonly { readonly id: string; readonly name: string | null; readonly before: string | null }[];
}

export interface ActionEnded extends ActionFacts {
  readonly event: "action ended";
  readonly dryRun: boolean;
  readonly resources: readonly {
    readonly id: string;
    readonly name: string | null;
    readonly before: string | null;
    /** When last read; null where it could not be read. */
    readonly state: string | null;
    readonly outcome: string;
    readonly reason?: string | undefined;
  }[];
  /** Of the calls that change something. */
  readonly requestIds: readonly string[];
  /** Null: it went well. Else the error's code, or the signal that ended it. */
  readonly code: string | null;
  /** What the process ends with, where it was on this target alone. */
  readonly exitCode: number;
}

/** A line as it stands in the file: its fields are whatever wrote it says, which may be a later version. */
export type KeptEntry = Readonly<Record<string, unknown>>;

export interface HistoryQuery {
  readonly limit: number;
  readonly target: string | undefined;
  /** Milliseconds since 1970: none that is older. */
  readonly since: number | undefined;
}

export interface HistoryList {
  /** The newest last. */
  readonly entries: readonly KeptEntry[];
  /** Lines that are no whole entry. */
  readonly damaged: number;
  /** False: there are older ones that the limit left out. */
  readonly isAll: boolean;
}

/** What was done from this machine, in a chain of lines. */
export interface History {
  /** Writes a line. Never throws: what can't be written is said once a run, since the work matters more. */
  append(entry: HistoryEntry): Promise<void>;
  /** @throws AssumeMfaError CONFIG_UNREADABLE when there is a file and it is not this user's own, or can't be read */
  list(query: HistoryQuery): Promise<HistoryList>;
  /** Walks the chain from its first line. @throws AssumeMfaError as `list` does */
  verify(): Promise<ChainReport>;
}
