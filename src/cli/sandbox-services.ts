import type { Environment } from "../host/host.ts";

/** A local AWS that runs in this process. */
export interface RunningSandbox {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  /** What a program needs in its environment to be inside. */
  readonly environment: Readonly<Record<string, string>>;
  /** The code that alice's device shows now. */
  currentCode(): string;
  close(): Promise<void>;
}

export interface SandboxStart {
  /** On 127.0.0.1; 0: any. */
  readonly port: number;
  /** As typed, `drop-reply:AssumeRole`; what they are is told in src/sandbox/README.md. */
  readonly faults: readonly string[];
  /** Keeps the world, and what programs inside keep; undefined: nothing is left of it. */
  readonly stateFolder: string | undefined;
  /** Whether the MFA of a GetSessionToken session carries into a role assumed with it: AWS.md 3, where the sources differ. */
  readonly mfaCarries: boolean;
}

export interface NestedRun {
  readonly exitCode: number;
  readonly stdout: string;
  /** Both streams, as they would have been seen together. */
  readonly transcript: string;
}

/** The sandbox, as the commands see it. */
export interface SandboxServices {
  /** @throws AssumeMfaError SANDBOX_FAILED when the port is taken or the state can't be read, USAGE for an unknown fault */
  start(options: SandboxStart): Promise<RunningSandbox>;
  /** Whether a sandbox answers there. Never throws; false for anything that is not loopback. */
  isSandbox(endpoint: string): Promise<boolean>;
  /** Asks the sandbox at `endpoint` for the code of alice's device. @throws AssumeMfaError SANDBOX_FAILED */
  code(endpoint: string, isFresh: boolean): Promise<string>;
  /**
   * The world's time in the sandbox at `endpoint`, moved on first where `move` (`+20m`) is given.
   * @returns milliseconds since 1970
   * @throws AssumeMfaError SANDBOX_FAILED, USAGE for something that is no time
   */
  clock(endpoint: string, move: string | undefined): Promise<number>;
  /** This program again, in this process, with another environment and its streams caught. */
  runNested(argv: readonly string[], env: Environment): Promise<NestedRun>;
}
