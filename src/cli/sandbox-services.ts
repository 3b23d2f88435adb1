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

export interface NestedRun {
  readonly exitCode: number;
  readonly stdout: string;
  /** Both streams, as they would have been seen together. */
  readonly transcript: string;
}

/** The sandbox, as the commands see it. */
export interface SandboxServices {
  /** @param port 0: any. @throws AssumeMfaError SANDBOX_FAILED when it is taken */
  start(port: number): Promise<RunningSandbox>;
  /** Whether a sandbox answers there. Never throws; false for anything that is not loopback. */
  isSandbox(endpoint: string): Promise<boolean>;
  /** Asks the sandbox at `endpoint` for the code of alice's device. @throws AssumeMfaError SANDBOX_FAILED */
  code(endpoint: string, isFresh: boolean): Promise<string>;
  /**
   * Runs a program with inherited streams and passes signals on.
   * @returns the status that a shell would see: 128 + n by signal n, 126 not runnable, 127 not found
   */
  runChild(command: readonly string[], env: Environment): Promise<number>;
  /** This program again, in this process, with another environment and its streams caught. */
  runNested(argv: readonly string[], env: Environment): Promise<NestedRun>;
}
