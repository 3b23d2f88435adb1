import { type StoredState, saveState } from "./state-file.ts";

/** Changes within this time are written down together. */
const WRITE_AFTER_MS = 50;

/** Writes the world down soon after it changed, and when the sandbox ends. Does nothing without a folder. */
export class StateKeeper {
  readonly #folder: string | undefined;
  readonly #read: () => StoredState;
  readonly #onFailure: ((error: unknown) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasFailed = false;

  constructor(folder: string | undefined, read: () => StoredState, onFailure: ((error: unknown) => void) | undefined) {
    this.#folder = folder;
    this.#read = read;
    this.#onFailure = onFailure;
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
    if (this.#folder === undefined) return;
    try {
      saveState(this.#folder, this.#read());
    } catch (error) {
      if (!this.#hasFailed) this.#onFailure?.(error);
      this.#hasFailed = true;
    }
  }
}
