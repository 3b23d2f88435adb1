import path from "node:path";
import { isMfaSerial } from "../aws/mfa-serial.ts";
import type { PrivateFiles } from "../host/private-files.ts";
import { type Cleared, clearFolder } from "./clear-folder.ts";
import { inputsDigest } from "./session-inputs.ts";

/** Whose device is which: found or picked once, so that the next run neither calls nor asks. */
export interface DeviceStore {
  /**
   * @param place the STS endpoint or partition, and who told the device: the same key id can be someone else's elsewhere
   * @returns the serial; undefined when none is known
   */
  read(accessKeyId: string, place: string): string | undefined;
  /** Never throws: what can't be kept is found again. */
  write(accessKeyId: string, place: string, serial: string): void;
  /** Forgets it. Never throws. */
  remove(accessKeyId: string, place: string): void;
  /** Forgets all of them. Never throws. */
  clear(): Cleared;
}

export function makeFileDeviceStore(files: PrivateFiles, folder: string | undefined): DeviceStore {
  const devices = folder === undefined ? undefined : path.join(folder, "devices");
  const fileOf = (accessKeyId: string, place: string) =>
    path.join(devices as string, inputsDigest(JSON.stringify([accessKeyId, place])));
  return {
    read(accessKeyId, place) {
      if (devices === undefined) return undefined;
      const text = files.read(fileOf(accessKeyId, place))?.trim();
      return text !== undefined && isMfaSerial(text) ? text : undefined;
    },
    write(accessKeyId, place, serial) {
      if (folder === undefined || devices === undefined) return;
      try {
        files.ensureFolder(folder);
        files.ensureFolder(devices);
        files.write(fileOf(accessKeyId, place), `${serial}\n`);
      } catch {
        // The session itself warns when its folder can't be written.
      }
    },
    remove(accessKeyId, place) {
      if (devices !== undefined) files.remove(fileOf(accessKeyId, place));
    },
    clear: () => clearFolder(files, devices),
  };
}
