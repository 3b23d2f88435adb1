import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCaBundle, MAX_CA_BUNDLE_BYTES } from "../../src/aws/ca-bundle.ts";
import { AssumeMfaError } from "../../src/errors.ts";

const [first = "", second = ""] = rootCertificates;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const load = (path: string) => loadCaBundle({ path, setBy: "AWS_CA_BUNDLE" });

function refusal(path: string): AssumeMfaError {
  try {
    load(path);
  } catch (error) {
    if (error instanceof AssumeMfaError) return error;
    throw error;
  }
  throw new Error("it was loaded");
}

describe("a CA bundle", () => {
  it("is the certificates of a file, whatever stands between them", () => {
    const key = ["-----BEGIN PRIVATE KEY-----", "AAAA", "-----END PRIVATE KEY-----"].join("\n");
    const path = write("mixed.pem", `# a comment\r\n${first.replaceAll("\n", "\r\n")}\n\nO = Ä\n${key}\n${second}`);
    const loaded = load(path).replaceAll("\r", "");
    expect(loaded).toBe(`${first.trim()}\n${second.trim()}\n`);
  });

  it("may be as large as the usual list, through a symbolic link, and is quick to read", () => {
    const path = write("all.pem", rootCertificates.join("\n"));
    symlinkSync(path, join(folder, "link.pem"));
    const startedAt = performance.now();
    expect(load(join(folder, "link.pem")).match(/BEGIN/g)).toHaveLength(rootCertificates.length);
    expect(performance.now() - startedAt).toBeLessThan(200);
  });

  it.each<[string, (path: string) => void, string, string]>([
    ["no file", () => undefined, "CONFIG_UNREADABLE", "can't be read: there is no such file"],
    ["a folder", (path) => mkdirSync(path), "CONFIG_UNREADABLE", "is no ordinary file"],
    [
      "a pipe that nobody writes to",
      (path) => execFileSync("mkfifo", [path]),
      "CONFIG_UNREADABLE",
      "is no ordinary file",
    ],
    ["a device", (path) => symlinkSync("/dev/zero", path), "CONFIG_UNREADABLE", "is no ordinary file"],
    ["a circle of links", (path) => symlinkSync(path, path), "CONFIG_UNREADABLE", "can't be read: ELOOP"],
    [
      "too large a file",
      (path) => writeFileSync(path, Buffer.alloc(MAX_CA_BUNDLE_BYTES + 1, first)),
      "CONFIG_UNREADABLE",
      "is larger than 5 MiB",
    ],
    ["an empty file", (path) => writeFileSync(path, ""), "CONFIG_MALFORMED", "holds no PEM certificate"],
    ["no PEM", (path) => writeFileSync(path, "<html>sign in</html>"), "CONFIG_MALFORMED", "holds no PEM certificate"],
    [
      "a certificate in DER",
      (path) => writeFileSync(path, Buffer.from(first.replace(/-----.*?-----|\s/g, ""), "base64")),
      "CONFIG_MALFORMED",
      "holds no PEM certificate",
    ],
    [
      "a certificate that was cut",
      (path) => writeFileSync(path, first + second.slice(0, 300)),
      "CONFIG_MALFORMED",
      "holds a broken certificate",
    ],
    [
      "a certificate with a wrong byte",
      (path) => writeFileSync(path, first.replace("MII", "MIA")),
      "CONFIG_MALFORMED",
      "holds a broken certificate",
    ],
  ])("is refused, naming the file and who set it: %s", (name, make, code, problem) => {
    const path = join(folder, name);
    make(path);
    const error = refusal(path);
    expect([error.code, error.exitCode, error.message]).toEqual([
      code,
      3,
      `the CA bundle ${path} (AWS_CA_BUNDLE) ${problem}`,
    ]);
  });

  it.skipIf(process.getuid?.() === 0)("is refused without the permission to read it", () => {
    const path = write("secret.pem", first);
    chmodSync(path, 0);
    expect(refusal(path).message).toMatch(/can't be read: permission denied$/);
  });

  it("leaves the file as it was", () => {
    const path = write("same.pem", first);
    load(path);
    expect(readFileSync(path, "utf8")).toBe(first);
  });
});
