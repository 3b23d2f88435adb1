import { rememberSecret } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import { askMetadata, type MetadataAnswer, MetadataError, type MetadataRequest } from "./metadata-client.ts";

/** What such a service gives, unchecked but for its shape. */
export interface MetadataIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** An invalid Date where it can't be read. */
  readonly expiration: Date;
}

/** These services are near: what they don't give at once they don't give. */
const TIME_LIMIT_MS = 10_000;
const STEP_LIMIT_MS = 2_000;

/** EC2 User Guide, "Use IMDSv2": the token opens the rest, and lives for as long as it is asked to (in seconds). */
const IMDS_TOKEN_PATH = "/latest/api/token";
const IMDS_TOKEN_TTL = "21600";
const IMDS_ROLE_PATH = "/latest/meta-data/iam/security-credentials/";
/** A role's name: it becomes a part of a path. */
const ROLE_NAME = /^[\w+=,.@-]{1,64}$/;
const HEADER_TEXT = /^[\x21-\x7e]+$/;

/**
 * The credentials of an instance's role, by IMDSv2 alone: without its token anything on the instance that can be made to
 * fetch an address could fetch the keys.
 * @param endpoint without a slash at its end
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING
 */
export async function loadInstanceMetadata(endpoint: string): Promise<MetadataIdentity> {
  const deadline = performance.now() + TIME_LIMIT_MS;
  const ask = (method: MetadataRequest["method"], path: string, headers: MetadataRequest["headers"]) =>
    askTwice(() => {
      const timeLimitMs = Math.min(STEP_LIMIT_MS, Math.max(1, Math.ceil(deadline - performance.now())));
      return askMetadata({ method, url: new URL(endpoint + path), headers, timeLimitMs });
    }, deadline);
  try {
    const token = (
      await ask("PUT", IMDS_TOKEN_PATH, { "x-aws-ec2-metadata-token-ttl-seconds": IMDS_TOKEN_TTL })
    ).trim();
    rememberSecret(token);
    if (!HEADER_TEXT.test(token)) throw new MetadataError("its token is none");
    const headers = { "x-aws-ec2-metadata-token": token };
    const role = (await ask("GET", IMDS_ROLE_PATH, headers)).trim();
    if (!ROLE_NAME.test(role)) throw new MetadataError("it names no role");
    return parseIdentity(await ask("GET", IMDS_ROLE_PATH + role, headers));
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    throw new AssumeMfaError(
      "SOURCE_CREDENTIALS_MISSING",
      `the instance's role: no credentials came from ${endpoint} (IMDSv2): ${error.message}`,
      { hint: "is this an EC2 instance with a role? in a container the hop limit of its metadata must be 2" },
    );
  }
}

/**
 * The credentials of a container's role.
 * @param uri an address that may be asked (`resolveContainer`)
 * @param token goes along as it is, where there is one
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING; SOURCE_CREDENTIALS_INVALID where it was refused
 */
export async function loadContainerCredentials(uri: string, token: string | undefined): Promise<MetadataIdentity> {
  const url = new URL(uri);
  const headers = { accept: "application/json", ...(token ? { authorization: token } : {}) };
  try {
    return parseIdentity(goodText(await askMetadata({ method: "GET", url, headers, timeLimitMs: TIME_LIMIT_MS })));
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    throw new AssumeMfaError(
      error instanceof RefusedError ? "SOURCE_CREDENTIALS_INVALID" : "SOURCE_CREDENTIALS_MISSING",
      `the container's role: no credentials came from ${url.origin}: ${error.message}`,
      { hint: "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI and the task's role" },
    );
  }
}

class RefusedError extends MetadataError {
  readonly status: number;

  constructor(status: number) {
    super(`the answer was ${status}`);
    this.status = status;
  }
}

/** A service that fails for a moment is asked once again; what it refuses it refuses. */
async function askTwice(ask: () => Promise<MetadataAnswer>, deadline: number): Promise<string> {
  try {
    return goodText(await ask());
  } catch (error) {
    const isRefusal = error instanceof RefusedError && error.status < 500;
    if (isRefusal || performance.now() >= deadline) throw error;
    return goodText(await ask());
  }
}

function goodText({ status, text }: MetadataAnswer): string {
  if (status !== 200) throw new RefusedError(status);
  return text;
}

/** @throws MetadataError with nothing of the text */
function parseIdentity(text: string): MetadataIdentity {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own words hold a piece of it.
    throw new MetadataError("the answer is no JSON");
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new MetadataError("the answer is no JSON object");
  }
  const {
    Code: code,
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    Token: sessionToken,
    Expiration: expiration,
  } = document as Readonly<Record<string, unknown>>;
  // Before anything can be said about it.
  for (const secret of [secretAccessKey, sessionToken]) if (typeof secret === "string") rememberSecret(secret);
  if (typeof code === "string" && code !== "Success") throw new MetadataError("the answer is no success");
  if (
    typeof accessKeyId !== "string" ||
    typeof secretAccessKey !== "string" ||
    typeof sessionToken !== "string" ||
    typeof expiration !== "string"
  ) {
    throw new MetadataError("the answer has no AccessKeyId with SecretAccessKey, Token and Expiration");
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(expiration) };
}
