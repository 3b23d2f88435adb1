import { AssumeMfaError } from "../errors.ts";
import { formatState, readStateMark, type StoredState, saveState } from "./state-file.ts";

/**
 * Writes the world down as it changes: what a caller was answered is on the disk before the answer goes out, so that a
 * code that was spent stays spent whatever ends the sandbox. Calls of one turn of the event loop are written together.
 * Does nothing without a folder, and nothing more once another sandbox wrote there: two of them would undo each other's
 * worlds.
 */
export class StateKeeper {
  readonly #folder: string | undefined;
  readonly #read: () => StoredState;
  readonly #onFailure: ((error: unknown) => void) | undefined;
  #written: Promise<void> | undefined;
  #hasFailed = false;
  #text: string | undefined;
  #mark: string | undefined;
  #isForeign = false;
  #isClosed = false;

  constructor(folder: string | undefined, read: () => StoredState, onFailure: ((error: unknown) => void) | undefined) {
    this.#folder = folder;
    this.#read = read;
    this.#onFailure = onFailure;
    if (folder !== undefined) this.#mark = readStateMark(folder);
  }

  /** @returns when what is there now was written, or could not be: that is told elsewhere, and never thrown */
  noteChange(): Promise<void> {
    if (this.#folder === undefined) return Promise.resolve();
    this.#written ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#written = undefined;
        this.write();
        resolve();
      });
    });
    return this.#written;
  }

  /** Writes for the last time: the folder may be another's after it. */
  close(): void {
    this.write();
    this.#isClosed = true;
  }

  /** Writes at once. */
  write(): void {
    if (this.#folder === undefined || this.#isForeign || this.#isClosed) return;
    try {
      const mark = readStateMark(this.#folder);
      this.#isForeign = mark !== undefined && mark !== this.#mark;
      if (this.#isForeign) throw new AssumeMfaError("SANDBOX_FAILED", `another sandbox writes to ${this.#folder}`);
      const text = formatState(this.#read());
      // Most refused calls change nothing.
      if (text === this.#text && mark !== undefined) return;
      saveState(this.#folder, text);
      this.#text = text;
      this.#mark = readStateMark(this.#folder);
    } catch (error) {
      if (!this.#hasFailed) this.#onFailure?.(error);
      this.#hasFailed = true;
    }
  }
}
