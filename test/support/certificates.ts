import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasOpenssl = spawnSync("openssl", ["version"], { stdio: "ignore" }).status === 0;

/** An authority that nobody trusts, and a server's certificate of it; made now, by openssl. */
export interface Certificates {
  readonly folder: string;
  /** The authority's certificate: a CA bundle. */
  readonly caFile: string;
  /** For `https.createServer`. */
  readonly server: { readonly key: string; readonly cert: string };
  remove(): void;
}

/** @param names for the server's certificate, such as `DNS:sts.us-east-1.amazonaws.com`, `IP:127.0.0.1` */
export function makeCertificates(...names: readonly string[]): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
  const at = (name: string) => join(folder, name);
  const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
  );
  openssl("req", ...key, "-subj", "/CN=test server", "-keyout", at("key.pem"), "-out", at("server.csr"));
  writeFileSync(at("extensions"), `subjectAltName=${names.join(",")}\n`);
  const authority = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial"];
  openssl(
    "x509",
    "-req",
    "-days",
    "2",
    "-in",
    at("server.csr"),
    ...authority,
    "-extfile",
    at("extensions"),
    "-out",
    at("cert.pem"),
  );
  return {
    folder,
    caFile: at("ca.pem"),
    server: { key: readFileSync(at("key.pem"), "utf8"), cert: readFileSync(at("cert.pem"), "utf8") },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
