// The certificate authorities that TLS trusts in place of Node's own. Edge file: node:fs. It reads one file and writes
// nothing, never waits for a pipe's writer, and never reads more than its limit. A file that can't be used is an error:
// going on with other authorities would trust somebody whom the user took off the list.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { AssumeMfaError } from "../errors.ts";
import type { CaBundle } from "./client-settings.ts";

/** The whole list of a browser takes about 0.25 MiB. */
export const MAX_CA_BUNDLE_BYTES = 5 * 1024 * 1024;

/**
 * @returns the file's certificates (PEM), one after the other; whatever else stands in it is left out
 * @throws AssumeMfaError CONFIG_UNREADABLE (also: no file, a folder, a pipe, above 5 MiB), CONFIG_MALFORMED (no
 *   certificate in it, or a broken one); both name the file and who set it
 */
export function loadCaBundle(bundle: CaBundle): string {
  const text = readText(bundle);
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const begun = text.match(/-----BEGIN CERTIFICATE-----/g)?.length ?? 0;
  if (certificates.length === 0) throw refused(bundle, "CONFIG_MALFORMED", "holds no PEM certificate");
  const broken = begun !== certificates.length || certificates.some((pem) => !isCertificate(pem));
  if (broken) throw refused(bundle, "CONFIG_MALFORMED", "holds a broken certificate");
  return `${certificates.join("\n")}\n`;
}

/**
 * Whether it is one whole DER sequence: Node passes over a certificate that was cut or mangled without a word. To take
 * each apart would cost 30 ms for the usual list.
 */
function isCertificate(pem: string): boolean {
  const base64 = pem.replace(/-----[^-]+-----|\s/g, "");
  const der = Buffer.from(base64, "base64");
  return /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && der.length > 4 && der[0] === 0x30 && der[1] === 0x82
    ? der.readUInt16BE(2) === der.length - 4
    : false;
}

function readText(bundle: CaBundle): string {
  let file: number;
  try {
    file = openSync(bundle.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw refused(bundle, "CONFIG_UNREADABLE", `can't be read: ${reasonOf(error)}`, error);
  }
  try {
    if (!fstatSync(file).isFile()) throw refused(bundle, "CONFIG_UNREADABLE", "is no ordinary file");
    const bytes = Buffer.alloc(MAX_CA_BUNDLE_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const count = readSync(file, bytes, length, Math.min(bytes.length - length, 256 * 1024), null);
      if (count === 0) return bytes.toString("latin1", 0, length);
      length += count;
    }
    throw refused(bundle, "CONFIG_UNREADABLE", "is larger than 5 MiB");
  } catch (error) {
    if (error instanceof AssumeMfaError) throw error;
    throw refused(bundle, "CONFIG_UNREADABLE", `can't be read: ${reasonOf(error)}`, error);
  } finally {
    closeSync(file);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
  if (code === "ENOENT") return "there is no such file";
  return code === "EACCES" || code === "EPERM" ? "permission denied" : code;
}

function refused(
  { path, setBy }: CaBundle,
  code: "CONFIG_UNREADABLE" | "CONFIG_MALFORMED",
  problem: string,
  cause?: unknown,
): AssumeMfaError {
  return new AssumeMfaError(code, `the CA bundle ${path} (${setBy}) ${problem}`, {
    hint: "name a file of PEM certificates there, or take the setting out to trust the usual authorities",
    cause,
    details: { path },
  });
}
