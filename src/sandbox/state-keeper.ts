import { AssumeMfaError } from "../errors.ts";
import { readStateMark, type StoredState, saveState } from "./state-file.ts";

/** Changes within this time are written down together. */
const WRITE_AFTER_MS = 50;

/**
 * Writes the world down soon after it changed, and when the sandbox ends. Does nothing without a folder, and nothing more
 * once another sandbox wrote there: two of them would undo each other's worlds.
 */
export class StateKeeper {
  readonly #folder: string | undefined;
  readonly #read: () => StoredState;
  readonly #onFailure: ((error: unknown) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasFailed = false;
  #mark: string | undefined;
  #isForeign = false;

  constructor(folder: string | undefined, read: () => StoredState, onFailure: ((error: unknown) => void) | undefined) {
    this.#folder = folder;
    this.#read = read;
    this.#onFailure = onFailure;
    if (folder !== undefined) this.#mark = readStateMark(folder);
  }

  noteChange(): void {
    if (this.#folder === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#write(), WRITE_AFTER_MS);
  }

  close(): void {
    if (this.#folder !== undefined) this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#folder === undefined || this.#isForeign) return;
    try {
      const mark = readStateMark(this.#folder);
      this.#isForeign = mark !== undefined && mark !== this.#mark;
      if (this.#isForeign) throw new AssumeMfaError("SANDBOX_FAILED", `another sandbox writes to ${this.#folder}`);
      saveState(this.#folder, this.#read());
      this.#mark = readStateMark(this.#folder);
    } catch (error) {
      if (!this.#hasFailed) this.#onFailure?.(error);
      this.#hasFailed = true;
    }
  }
}
