import { answer, OPERATION_NAMES } from "./answer.ts";
import { DEFAULT_SETTINGS, type SandboxSettings } from "./call.ts";
import { CallLog, type SandboxCall } from "./call-log.ts";
import { answerControl, CONTROL_PREFIX } from "./control.ts";
import { DeviceDisplay } from "./device-display.ts";
import { checkFaultOperation, type Fault, FaultTable } from "./fault.ts";
import { answerFederation, FEDERATION_PATH } from "./federation.ts";
import { makeFoundingWorld } from "./founding-world.ts";
import { openHttpFront, queryFault } from "./http-front.ts";
import { holdStateFolder, loadState } from "./state-file.ts";
import { StateKeeper } from "./state-keeper.ts";
import type { WireOutcome, WireRequest, WireResponse } from "./wire.ts";
import type { World } from "./world.ts";

/** How a sandbox is started. */
export interface SandboxOptions {
  /** The loopback port; 0 or absent: any free one. */
  readonly port?: number;
  /** The wall clock, milliseconds since 1970: the only source of time. The world starts at it, and can be moved on. */
  readonly now: () => number;
  readonly settings?: Partial<SandboxSettings>;
  /** What goes wrong from the start (`parseFault`). */
  readonly faults?: readonly Fault[];
  /** A folder that keeps the world between runs; absent: it ends with the sandbox. */
  readonly stateFolder?: string;
  /** Told once when the world can't be kept (a full disk, say); the sandbox goes on without. */
  readonly onStateFailure?: (error: unknown) => void;
}

/** A running AWS on loopback (CLI.md, "Sandbox"). */
export interface Sandbox {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** The world itself: tests may change it in place between calls. */
  readonly world: World;
  /** What was called so far, the oldest first; the last 10,000. */
  readonly calls: readonly SandboxCall[];
  /** The world's time, milliseconds since 1970. */
  now(): number;
  /**
   * Moves the world's time on: sessions age, codes change, instances and tables settle. Clients may go on signing by
   * the wall clock, or by what the world's clock was before: all of that is in time.
   * @param byMs not negative: a world's time never goes back
   */
  moveClock(byMs: number): void;
  /** From now on this goes wrong too. @throws AssumeMfaError USAGE for an operation that no service has */
  addFault(fault: Fault): void;
  clearFaults(): void;
  /** The six digits that alice's device shows now. */
  currentCode(): string;
  /** The same, once it is a code that was not used yet: waits up to 31 s for the next. */
  freshCode(): Promise<string>;
  /** Ends open connections too, and writes down what is to be kept. */
  close(): Promise<void>;
}

/**
 * Opens the port, with a founding world or the one that the state folder holds.
 * @throws the system's error when the port is taken; AssumeMfaError SANDBOX_FAILED for a damaged state file, and for a
 * state folder that is not a sandbox's, or that another one has; USAGE for a fault of an operation that no service has
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  for (const fault of options.faults ?? []) checkFaultOperation(fault, OPERATION_NAMES);
  const release = options.stateFolder === undefined ? () => {} : holdStateFolder(options.stateFolder);
  try {
    return await openSandbox(options, release);
  } catch (error) {
    release();
    throw error;
  }
}

async function openSandbox(options: SandboxOptions, release: () => void): Promise<Sandbox> {
  const stored = options.stateFolder === undefined ? undefined : loadState(options.stateFolder);
  let movedMs = stored?.movedMs ?? 0;
  const now = () => options.now() + movedMs;
  const world = stored?.world ?? makeFoundingWorld(now());
  const log = new CallLog();
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const faults = new FaultTable(options.faults ?? []);
  // What AWS and alice's device go by. The programs inside know of `now` alone: it is their clock that is wrong then.
  const serverNow = () => now() + faults.skewMs;
  const display = new DeviceDisplay(world, serverNow);
  const keeper = new StateKeeper(options.stateFolder, () => ({ world, movedMs }), options.onStateFailure);
  const moveClock = (byMs: number) => {
    if (!(byMs >= 0)) throw new RangeError("a world's time never goes back");
    movedMs += byMs;
    void keeper.noteChange();
  };

  const handle = async (request: WireRequest): Promise<WireOutcome> => {
    if (request.path.startsWith(CONTROL_PREFIX)) {
      const beforeMs = movedMs;
      const response = await answerControl(request, { port: front.port, display, calls: log.calls, now, moveClock });
      if (movedMs !== beforeMs) await keeper.noteChange();
      return reply(response);
    }
    if (request.path === FEDERATION_PATH) return reply(answerFederation(request, { world, log, nowMs: serverNow() }));
    if (request.path !== "/" || (request.method !== "POST" && request.method !== "GET")) {
      return reply(queryFault(404, "UnknownOperationException", "There is nothing at this path"));
    }
    const { skewMs } = faults;
    const serverClock = { earliestMs: options.now() + skewMs, latestMs: serverNow() };
    const answered = answer(request, { world, log, settings, faults, nowMs: serverNow(), serverClock });
    if (answered.mayHaveChanged) await keeper.noteChange();
    if (answered.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, answered.delayMs).unref());
    return answered.outcome;
  };
  const reply = (response: WireResponse): WireOutcome => ({ kind: "answer", response });

  const front = await openHttpFront(options.port ?? 0, handle, serverNow);
  // Before anybody knows the address: a world that was shown is there again at the next start.
  keeper.write();
  return {
    endpoint: `http://127.0.0.1:${front.port}`,
    world,
    calls: log.calls,
    now,
    moveClock,
    addFault: (fault) => {
      checkFaultOperation(fault, OPERATION_NAMES);
      faults.add(fault);
    },
    clearFaults: () => faults.clear(),
    currentCode: () => display.currentCode(),
    freshCode: () => display.freshCode(),
    close: async () => {
      display.close();
      await front.close();
      keeper.close();
      release();
    },
  };
}
