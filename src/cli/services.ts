import type { ConnectionPool } from "../aws/connection-pool.ts";
import type { ServerClock } from "../aws/server-clock.ts";
import type { History } from "../history/history.ts";
import type { ChildEnd } from "../host/child-process.ts";
import type { Environment, Host, TextSink } from "../host/host.ts";
import type { Keychain } from "../host/keychain.ts";
import type { Locks } from "../host/lock.ts";
import type { TemporaryFolder } from "../host/temporary-folder.ts";
import type { AwsCliCache } from "../session/aws-cli-cache.ts";
import type { CallerStore } from "../session/caller-store.ts";
import type { ExportedSessions } from "../session/exported-sessions.ts";
import type { RecordSession } from "../session/opened-session.ts";
import type { RoleFactsStore } from "../session/role-facts.ts";
import type { RoleSessionPorts } from "../session/role-session.ts";
import type { SessionCache } from "../session/session-cache.ts";
import type { SharedSessions } from "../session/shared-sessions.ts";
import type { SpentCodes } from "../session/spent-codes.ts";
import type { StoredSecrets } from "../session/stored-secrets.ts";
import type { AwsConfig } from "../target/aws-config.ts";
import type { SandboxServices } from "./sandbox-services.ts";

/** What the commands work with; made by `wiring.ts`. Heavy parts come as functions that import when called. */
export interface Services extends ClientServices {
  readonly host: Host;
  /** Standard output as it is, for credentials alone: all else goes through `host`, which hides every known secret. */
  readonly payload: TextSink;
  readonly version: string;
  /** Reads the AWS files. @throws AssumeMfaError CONFIG_UNREADABLE, CONFIG_MALFORMED */
  loadConfig(): AwsConfig;
  /** The same for another environment: the sandbox's. */
  loadConfigIn(env: Environment): AwsConfig;
  readonly cache: SessionCache;
  readonly awsCliCache: AwsCliCache;
  readonly callers: CallerStore;
  readonly shared: SharedSessions;
  readonly roleFacts: RoleFactsStore;
  readonly spentCodes: SpentCodes;
  readonly devices: RoleSessionPorts["devices"];
  readonly keychain: Keychain;
  readonly storedSecrets: StoredSecrets;
  readonly locks: Locks;
  readonly exported: ExportedSessions;
  readonly history: History;
  readonly recordSession: RecordSession;
  readonly loadProvidedCredentials: RoleSessionPorts["loadProvidedCredentials"];
  readonly captureCommand: RoleSessionPorts["captureCommand"];
  /**
   * Called before anything is opened: what is open then, beyond the three streams, was opened for the child.
   * @returns what runs it in the foreground, streams inherited and signals passed on
   */
  prepareChild(): Promise<RunChild>;
  /** Whether there is a file that the command's first word could mean. */
  isCommandThere(command: string, env: Environment): Promise<boolean>;
  /** @throws NodeJS.ErrnoException where none can be made */
  makeTemporaryFolder(): Promise<TemporaryFolder>;
  readonly sandbox: SandboxServices;
  /** Where the run has several targets: what they share of connections. */
  readonly pool?: ConnectionPool | undefined;
}

export type RunChild = (command: readonly string[], env: Environment) => Promise<ChildEnd>;

/** The clients of a run, which all hear and sign by one clock. */
export interface ClientServices {
  readonly serverClock: ServerClock;
  readonly loadStsClient: RoleSessionPorts["loadStsClient"];
  readonly loadIamClient: RoleSessionPorts["loadIamClient"];
  /** The same where this machine's clock is taken for another: all of them, with nothing heard yet. */
  clientsOn(now: () => number): ClientServices;
}
