import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { parseForm } from "./query-protocol.ts";
import type { WireRequest } from "./wire.ts";

/**
 * AWS Signature Version 4, the server's side: what a request claims, and whether its signature is the one that the
 * secret key gives (IAM User Guide, "Create a signed AWS API request").
 */
export interface SignatureClaim {
  readonly accessKeyId: string;
  /** YYYYMMDD */
  readonly scopeDate: string;
  readonly region: string;
  readonly service: string;
  readonly terminator: string;
  readonly signedHeaders: readonly string[];
  /** 64 hexadecimal digits. */
  readonly signature: string;
  /** YYYYMMDDTHHMMSSZ */
  readonly amzDate: string;
  readonly signedAtMs: number;
  readonly sessionToken: string | undefined;
  /** Seconds a presigned URL is good for; undefined for a signature in the headers. */
  readonly expiresSeconds: number | undefined;
}

/** A signature that is there but can't be read. The message is AWS's IncompleteSignature text. */
export class IncompleteSignatureError extends Error {
  override readonly name = "IncompleteSignatureError";
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const MAX_PRESIGNED_SECONDS = 604_800;

/**
 * @returns undefined when the request is not signed at all
 * @throws IncompleteSignatureError
 */
export function readSignatureClaim(request: WireRequest): SignatureClaim | undefined {
  const authorization = request.headers.get("authorization");
  if (authorization !== undefined) return readHeaderClaim(request, authorization);
  if (/(?:^|&)X-Amz-(?:Algorithm|Signature|Credential)=/.test(request.query)) return readPresignedClaim(request);
  return undefined;
}

function readHeaderClaim(request: WireRequest, authorization: string): SignatureClaim {
  const [algorithm, ...rest] = authorization.trim().split(/\s+/);
  if (algorithm !== ALGORITHM) {
    throw new IncompleteSignatureError(`Unsupported AWS 'algorithm': '${algorithm ?? ""}'.`);
  }
  const parts = new Map<string, string>();
  for (const part of rest.join(" ").split(",")) {
    const split = part.indexOf("=");
    if (split > 0) parts.set(part.slice(0, split).trim(), part.slice(split + 1).trim());
  }
  const missing = ["Credential", "Signature", "SignedHeaders"].filter((name) => !parts.get(name));
  const amzDate = readDate(request);
  if (missing.length > 0 || amzDate === undefined) {
    const messages = missing.map((name) => `Authorization header requires '${name}' parameter.`);
    if (amzDate === undefined) {
      messages.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
    }
    throw new IncompleteSignatureError(`${messages.join(" ")} Authorization=${ALGORITHM}`);
  }
  return {
    ...readCredential(parts.get("Credential") ?? ""),
    signedHeaders: (parts.get("SignedHeaders") ?? "").split(";"),
    signature: parts.get("Signature") ?? "",
    ...readTime(amzDate),
    sessionToken: request.headers.get("x-amz-security-token"),
    expiresSeconds: undefined,
  };
}

function readPresignedClaim(request: WireRequest): SignatureClaim {
  const parameters = parseForm(request.query);
  const algorithm = parameters.get("X-Amz-Algorithm");
  if (algorithm !== ALGORITHM) {
    throw new IncompleteSignatureError(`Unsupported AWS 'algorithm': '${algorithm ?? ""}'.`);
  }
  const names = ["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"];
  const missing = names.filter((name) => !parameters.get(name));
  if (missing.length > 0) {
    throw new IncompleteSignatureError(
      missing.map((name) => `AWS query-string parameters must include '${name}'.`).join(" "),
    );
  }
  const expiresSeconds = Number(parameters.get("X-Amz-Expires"));
  if (!Number.isInteger(expiresSeconds) || expiresSeconds < 1 || expiresSeconds > MAX_PRESIGNED_SECONDS) {
    throw new IncompleteSignatureError("X-Amz-Expires must be between 1 and 604800 seconds.");
  }
  return {
    ...readCredential(parameters.get("X-Amz-Credential") ?? ""),
    signedHeaders: (parameters.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: parameters.get("X-Amz-Signature") ?? "",
    ...readTime(parameters.get("X-Amz-Date") ?? ""),
    sessionToken: parameters.get("X-Amz-Security-Token"),
    expiresSeconds,
  };
}

function readCredential(credential: string) {
  const parts = credential.split("/");
  const [accessKeyId, scopeDate, region, service, terminator] = parts;
  if (parts.length !== 5 || !accessKeyId || !scopeDate || !region || !service || !terminator) {
    throw new IncompleteSignatureError(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'`,
    );
  }
  return { accessKeyId, scopeDate, region, service, terminator };
}

function readDate(request: WireRequest): string | undefined {
  const amzDate = request.headers.get("x-amz-date");
  if (amzDate !== undefined) return amzDate;
  const timeMs = Date.parse(request.headers.get("date") ?? "");
  return Number.isNaN(timeMs) ? undefined : formatAmzDate(timeMs);
}

function readTime(amzDate: string): { amzDate: string; signedAtMs: number } {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate);
  const [, year, month, day, hour, minute, second] = match ?? [];
  const signedAtMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (match === null || Number.isNaN(signedAtMs)) {
    throw new IncompleteSignatureError(
      `Date must be in ISO-8601 'basic format'. Got '${amzDate}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    );
  }
  return { amzDate, signedAtMs };
}

/** YYYYMMDDTHHMMSSZ */
export function formatAmzDate(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** Whether this secret key, over this request, gives the claimed signature. Compared in constant time. */
export function isSignatureRight(request: WireRequest, claim: SignatureClaim, secretAccessKey: string): boolean {
  const stringToSign = [
    ALGORITHM,
    claim.amzDate,
    `${claim.scopeDate}/${claim.region}/${claim.service}/${claim.terminator}`,
    sha256Hex(formatCanonicalRequest(request, claim)),
  ].join("\n");
  const keyParts = [claim.scopeDate, claim.region, claim.service, claim.terminator];
  let key: Buffer = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of keyParts) key = hmac(key, part);
  const expected = hmac(key, stringToSign);
  const given = Buffer.from(/^[0-9a-f]{64}$/.test(claim.signature) ? claim.signature : "", "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * What the caller must have signed and did not.
 * @returns names of headers: `host`, and every `x-amz-` header that was sent
 */
export function listUnsignedHeaders(request: WireRequest, claim: SignatureClaim): string[] {
  const signed = new Set(claim.signedHeaders);
  const demanded = [...request.headers.keys()].filter((name) => name === "host" || name.startsWith("x-amz-"));
  return demanded.filter((name) => !signed.has(name));
}

function formatCanonicalRequest(request: WireRequest, claim: SignatureClaim): string {
  const headers = claim.signedHeaders.map((name) => {
    const value = request.headers.get(name) ?? "";
    return `${name}:${value.trim().replace(/ +/g, " ")}\n`;
  });
  return [
    request.method,
    formatCanonicalPath(request.path),
    formatCanonicalQuery(request.query),
    headers.join(""),
    claim.signedHeaders.join(";"),
    sha256Hex(request.body),
  ].join("\n");
}

/** Every service but S3 signs the path as sent, encoded once more. */
function formatCanonicalPath(path: string): string {
  return path.split("/").map(encodeStrictly).join("/");
}

function formatCanonicalQuery(query: string): string {
  const pairs: [string, string][] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const split = pair.indexOf("=");
    const name = split < 0 ? pair : pair.slice(0, split);
    const value = split < 0 ? "" : pair.slice(split + 1);
    if (name === "X-Amz-Signature") continue;
    pairs.push([recode(name), recode(value)]);
  }
  pairs.sort(([leftName, leftValue], [rightName, rightValue]) => {
    if (leftName !== rightName) return leftName < rightName ? -1 : 1;
    if (leftValue !== rightValue) return leftValue < rightValue ? -1 : 1;
    return 0;
  });
  return pairs.map(([name, value]) => `${name}=${value}`).join("&");
}

/** The client may have encoded more or less than SigV4 asks for; text that doesn't decode is signed as it is. */
function recode(text: string): string {
  try {
    return encodeStrictly(decodeURIComponent(text));
  } catch {
    return encodeStrictly(text);
  }
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd")).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256Hex(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
