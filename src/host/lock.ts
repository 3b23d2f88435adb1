export interface LockHolder {
  readonly pid: number;
  /** Milliseconds since 1970: when it took the lock. */
  readonly since: number;
}

export interface HeldLock {
  release(): void;
}

/** Locks between the processes of one user. */
export interface Locks {
  /**
   * @param name letters, digits and `-`
   * @returns the lock; or, when somebody else has it, who
   * @throws Error when nothing can be written there
   */
  tryAcquire(name: string): HeldLock | LockHolder;
}
