/**
 * The keychain of the operating system: secrets that only this user's sign-in opens, by name. Each call can take as long
 * as its time limit, since an unlock dialog may be on the screen.
 */
export interface Keychain {
  /**
   * @returns undefined when there is no such entry
   * @throws AssumeMfaError KEYCHAIN_FAILED: there is none, it is locked, or it does not answer
   */
  read(name: string): Promise<string | undefined>;
  /** @throws AssumeMfaError KEYCHAIN_FAILED */
  write(name: string, secret: string): Promise<void>;
  /**
   * What is not there is removed already.
   * @returns false when it can't be removed, and stays
   */
  remove(name: string): Promise<boolean>;
}
