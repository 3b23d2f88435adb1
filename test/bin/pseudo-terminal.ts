import { type IPty, spawn } from "@lydell/node-pty";
import type { Environment } from "./built-program.ts";

/** Keys as a terminal sends them. */
export const KEYS = { interrupt: "\x03", endOfInput: "\x04", quit: "\x1c", suspend: "\x1a", enter: "\r" } as const;

/** What a pick list does to the cursor while it is shown. */
export const HIDE_CURSOR = "\x1b[?25l";
export const SHOW_CURSOR = "\x1b[?25h";

/** On a busy machine a window that is closed takes its time to be noticed. */
export const HANG_UP_MS = 20_000;
/** For a test that waits for it. */
export const SLOW = { timeout: 2 * HANG_UP_MS } as const;

export interface PseudoTerminalOptions {
  readonly env: Environment;
  readonly cwd?: string | undefined;
  readonly columns?: number;
}

/** A real pseudo-terminal with a shell that has it as its controlling terminal, and a person before it. */
export class PseudoTerminal {
  /** All that was shown so far. */
  output = "";
  readonly #pty: IPty;
  readonly #watchers = new Set<() => void>();
  #seen = 0;
  #isEnded = false;

  /** @param script for bash */
  constructor(script: string, { env, cwd, columns = 100 }: PseudoTerminalOptions) {
    // The shell stays until it is told to go: the last words on a terminal that nobody holds any more can be lost.
    const lastWords = `trap 'echo "<ended $?>"; read -r' EXIT`;
    this.#pty = spawn("bash", ["--noprofile", "--norc", "-c", `${lastWords}\n${script}`], {
      name: "xterm-256color",
      cols: columns,
      rows: 40,
      env: { ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    this.#pty.onData((text) => {
      this.output += text;
      this.#look();
    });
    this.#pty.onExit(() => {
      this.#isEnded = true;
      this.#look();
    });
  }

  /**
   * Waits until this is shown, after what was waited for before.
   * @throws Error when it does not come, with what was shown instead
   */
  waitFor(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        settle();
        reject(new Error(`${why}: ${pattern} in\n${JSON.stringify(this.output.slice(this.#seen))}`));
      };
      const timer = setTimeout(() => fail(`not shown in ${timeoutMs} ms`), timeoutMs);
      const settle = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = () => {
        const found = pattern.exec(this.output.slice(this.#seen));
        if (found === null) {
          if (this.#isEnded) fail("ended without showing");
          return;
        }
        this.#seen += found.index + found[0].length;
        settle();
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** @returns the script's status, once it has ended */
  async status(): Promise<number> {
    return Number((await this.waitFor(/<ended (\d+)>/))[1]);
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** The person makes the window wider or narrower: the kernel sends SIGWINCH. */
  resize(columns: number): void {
    this.#pty.resize(columns, 40);
  }

  /** The person closes the window: the terminal is gone, and the kernel sends SIGHUP. See {@link HANG_UP_MS}. */
  hangUp(): void {
    (this.#pty as IPty & { destroy(): void }).destroy();
  }

  /** Ends what is left of it. */
  close(): void {
    if (!this.#isEnded) this.#pty.kill("SIGKILL");
  }

  #look(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
