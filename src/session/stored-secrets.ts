import path from "node:path";
import { AssumeMfaError } from "../errors.ts";
import type { Keychain } from "../host/keychain.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import { inputsDigest } from "./session-inputs.ts";
import { parseTotpSecret } from "./totp-secret.ts";

/** Whose secret it is: the same serial can be another device elsewhere. */
export interface StoredSecretKey {
  /** The device's ARN, or the serial of a hardware device. */
  readonly serial: string;
  /** The STS endpoint or the partition, as `placeName` gives it. */
  readonly place: string;
}

/** The secrets of virtual devices in the OS keychain (`assume-mfa mfa store`). */
export interface StoredSecrets {
  /** Told by a marker alone: opens no keychain, whose unlock dialog would ask somebody. Never throws. */
  has(serial: string, place: string): boolean;
  /**
   * Opens the keychain: whether it holds anything for the device, marker or not.
   * @throws AssumeMfaError KEYCHAIN_FAILED
   */
  isKept(serial: string, place: string): Promise<boolean>;
  /**
   * Opens the keychain: only where `has` says so, and only when a code is due.
   * @returns the secret as `parseTotpSecret` gives it, hidden from all output; undefined when there is none (any more)
   * @throws AssumeMfaError KEYCHAIN_FAILED: locked, denied, slow, or its entry is damaged
   */
  read(serial: string, place: string): Promise<string | undefined>;
  /**
   * @param secret what `parseTotpSecret` returned
   * @throws AssumeMfaError KEYCHAIN_FAILED; Error when the marker can't be written: nothing is stored then
   */
  write(serial: string, place: string, secret: string): Promise<void>;
  /**
   * What is not there is removed already.
   * @returns false when it can't be removed, and stays
   */
  remove(serial: string, place: string): Promise<boolean>;
  /** Of which devices there is one, by the markers. Never throws. */
  list(): readonly StoredSecretKey[];
}

/**
 * Each secret in the keychain, and beside it a marker in a 0600 file that says of which device there is one and nothing
 * else: so that a run without a stored secret never touches a keychain.
 * @param folder the program's state folder; undefined where there is none
 */
export function makeStoredSecrets(files: PrivateFiles, keychain: Keychain, folder: string | undefined): StoredSecrets {
  const markers = folder === undefined ? undefined : path.join(folder, "stored-secrets");
  const fileOf = (name: string) => path.join(markers as string, `${name}.json`);
  const has: StoredSecrets["has"] = (serial, place) => {
    const text = markers === undefined ? undefined : files.read(fileOf(nameOf({ serial, place })));
    const marker = text === undefined ? undefined : parseMarker(text);
    return marker?.serial === serial && marker.place === place;
  };
  return {
    has,
    isKept: async (serial, place) => (await keychain.read(keychainName(nameOf({ serial, place })))) !== undefined,
    async read(serial, place) {
      const name = nameOf({ serial, place });
      const text = await keychain.read(keychainName(name));
      if (text === undefined) {
        // Somebody removed it with the keychain's own program: the next run need not open the keychain for it.
        if (markers !== undefined) files.remove(fileOf(name));
        return undefined;
      }
      const secret = parseStored(text, { serial, place });
      if (secret !== undefined) return secret;
      throw new AssumeMfaError("KEYCHAIN_FAILED", `what the keychain holds for ${serial} is no secret of it`, {
        hint: `store it again: assume-mfa mfa store --serial-number ${serial}`,
      });
    },
    async write(serial, place, secret) {
      if (folder === undefined || markers === undefined) {
        throw new AssumeMfaError("KEYCHAIN_FAILED", "there is no home folder to note down that a secret is stored");
      }
      const name = nameOf({ serial, place });
      files.ensureFolder(folder);
      files.ensureFolder(markers);
      await keychain.write(keychainName(name), JSON.stringify({ serial, place, secret }));
      try {
        files.write(fileOf(name), `${JSON.stringify({ serial, place })}\n`);
      } catch (error) {
        // Without its marker nobody would look for it, nor remove it.
        await keychain.remove(keychainName(name));
        throw error;
      }
    },
    async remove(serial, place) {
      if (markers === undefined) return true;
      const name = nameOf({ serial, place });
      return (await keychain.remove(keychainName(name))) && files.remove(fileOf(name));
    },
    list() {
      if (markers === undefined) return [];
      return files.list(markers).flatMap((file) => {
        const text = files.read(path.join(markers, file));
        const marker = text === undefined ? undefined : parseMarker(text);
        return marker !== undefined && file === `${nameOf(marker)}.json` ? [marker] : [];
      });
    },
  };
}

function nameOf({ serial, place }: StoredSecretKey): string {
  return inputsDigest(JSON.stringify([serial, place]));
}

function keychainName(name: string): string {
  return `totp-secret-${name}`;
}

function parseMarker(text: string): StoredSecretKey | undefined {
  try {
    const { serial, place } = JSON.parse(text) ?? {};
    const isWhole = [serial, place].every((each) => typeof each === "string" && each !== "");
    return isWhole ? { serial, place } : undefined;
  } catch {
    return undefined;
  }
}

/** Whose it is stands beside it, so that no mishap with names makes codes of another device. */
function parseStored(text: string, key: StoredSecretKey): string | undefined {
  try {
    const { serial, place, secret } = JSON.parse(text) ?? {};
    if (serial !== key.serial || place !== key.place || typeof secret !== "string") return undefined;
    return parseTotpSecret(secret);
  } catch {
    return undefined;
  }
}
