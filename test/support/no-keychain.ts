import { AssumeMfaError } from "../../src/errors.ts";
import type { Keychain } from "../../src/host/keychain.ts";

/** A machine without a keychain, as servers and containers are. */
export const NO_KEYCHAIN: Keychain = {
  async read() {
    throw new AssumeMfaError("KEYCHAIN_FAILED", "there is no keychain");
  },
  async write() {
    throw new AssumeMfaError("KEYCHAIN_FAILED", "there is no keychain");
  },
  remove: async () => false,
};
