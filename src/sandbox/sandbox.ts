import { answer } from "./answer.ts";
import { DEFAULT_SETTINGS, type SandboxSettings } from "./call.ts";
import { CallLog, type SandboxCall } from "./call-log.ts";
import { answerControl, CONTROL_PREFIX } from "./control.ts";
import { DeviceDisplay } from "./device-display.ts";
import { makeFoundingWorld } from "./founding-world.ts";
import { openHttpFront, queryFault } from "./http-front.ts";
import type { World } from "./world.ts";

export interface SandboxOptions {
  /** The loopback port; 0 or absent: any free one. */
  readonly port?: number;
  /** The wall clock, milliseconds since 1970: the only source of time. The world starts at it, and can be moved on. */
  readonly now: () => number;
  readonly settings?: Partial<SandboxSettings>;
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
   * the wall clock; requests signed by either clock are in time.
   * @param byMs not negative: a world's time never goes back
   */
  moveClock(byMs: number): void;
  /** The six digits that alice's device shows now. */
  currentCode(): string;
  /** The same, once it is a code that was not used yet: waits up to 31 s for the next. */
  freshCode(): Promise<string>;
  /** Ends open connections too. */
  close(): Promise<void>;
}

/**
 * Opens the port and makes a founding world.
 * @throws the system's error when the port is taken
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  let movedMs = 0;
  const now = () => options.now() + movedMs;
  const world = makeFoundingWorld(now());
  const log = new CallLog();
  const display = new DeviceDisplay(world, now);
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const front = await openHttpFront(options.port ?? 0, (request) => {
    if (request.path.startsWith(CONTROL_PREFIX)) return answerControl(request, { port: front.port, display });
    if (request.path !== "/" || (request.method !== "POST" && request.method !== "GET")) {
      return queryFault(404, "UnknownOperationException", "There is nothing at this path");
    }
    const nowMs = now();
    return answer(request, { world, log, settings, nowMs, wireClocksMs: [nowMs, options.now()] });
  });
  return {
    endpoint: `http://127.0.0.1:${front.port}`,
    world,
    calls: log.calls,
    now,
    moveClock: (byMs) => {
      if (!(byMs >= 0)) throw new RangeError("a world's time never goes back");
      movedMs += byMs;
    },
    currentCode: () => display.currentCode(),
    freshCode: () => display.freshCode(),
    close: async () => {
      display.close();
      await front.close();
    },
  };
}
