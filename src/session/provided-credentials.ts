// Who gives a source's credentials: the explicit functions of @aws-sdk/credential-providers, never its default chain. Edge
// file: @aws-sdk/credential-providers, node:fs, node:os, node:process. Rules: all that a function would look up by itself
// is given, so that no AWS file is read behind our back; what it takes from the environment alone is set while it runs; the
// configuration that it wants as a file is one of ours, with that one profile, and gone afterwards. Its words are not shown:
// they can hold a piece of an answer or of a token. Imported only when credentials are due (it is a heavy part).
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import {
  fromHttp,
  fromInstanceMetadata,
  fromLoginCredentials,
  fromSSO,
  fromWebToken,
} from "@aws-sdk/credential-providers";
import { classifyFailure, detachFailure } from "../aws/aws-failure.ts";
import { awsText } from "../aws/aws-text.ts";
import { makeClientConfig } from "../aws/client-config.ts";
import { Credentials } from "../credentials/credentials.ts";
import { rememberSecret } from "../credentials/redaction.ts";
import { AssumeMfaError, InterruptedError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { isKey } from "../target/source-keys.ts";
import type { SourceProvider } from "../target/target.ts";
import { readTextFile } from "../target/text-file.ts";
import { shownName } from "../text/shown-name.ts";
import { type ProcessPorts, runCredentialProcess } from "./credential-process.ts";
import type { ProvidedRequest } from "./provided-request.ts";
import { stsRegion } from "./signer.ts";

type Provider<Kind extends SourceProvider["kind"]> = Extract<SourceProvider, { readonly kind: Kind }>;

/** What the SDK calls them. */
interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

export interface ProvidedPorts {
  readonly host: Pick<Host, "env" | "homeDirectory" | "now">;
  readonly isExported: ProcessPorts["isExported"];
  readonly captureCommand: ProcessPorts["captureCommand"];
}

/** The services of an instance or a container are near: what they don't give at once they don't give. */
const METADATA_TIME_LIMIT_MS = 10_000;
const METADATA_STEP_LIMIT_MS = 2_000;
/** Two calls over the network, each once again. */
const SERVICE_TIME_LIMIT_MS = 60_000;
const TOKEN_LIMIT_BYTES = 64 * 1024;
const DEFAULT_SESSION_NAME = "assume-mfa";

/** The SDK warns on the console where nobody gives it a logger. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * Asks whoever gives a source's credentials, once.
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING, SOURCE_CREDENTIALS_INVALID, SOURCE_PROFILE_LOOP, NETWORK;
 *   InterruptedError
 */
export async function loadProvidedCredentials(request: ProvidedRequest, ports: ProvidedPorts): Promise<Credentials> {
  const identity = await load(request, ports);
  return toCredentials(identity, request.source.label, ports.host.now());
}

async function load(request: ProvidedRequest, ports: ProvidedPorts): Promise<Identity> {
  const { source } = request;
  const { provider } = source;
  switch (provider.kind) {
    case "process": {
      const processPorts = { ...ports, env: ports.host.env, note: request.note };
      const { expiration, ...keys } = await runCredentialProcess(source, provider.command, processPorts);
      return { ...keys, ...(expiration === undefined ? {} : { expiration: new Date(expiration) }) };
    }
    case "sso":
      return loadSso(provider, request, ports);
    case "login":
      return loadLogin(provider, request, ports);
    case "web identity":
      return loadWebIdentity(provider, request);
    case "instance metadata":
      return loadInstanceMetadata(provider);
    case "container":
      return loadContainer(provider, ports);
  }
}

function toCredentials({ expiration, ...keys }: Identity, label: string, now: number): Credentials {
  const ends = expiration?.getTime();
  const credentials = new Credentials({ ...keys, expiration: ends });
  const invalid = (problem: string) =>
    new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", `what ${label} gave ${problem}`, {
      hint: "let it give fresh ones, or let other keys sign: --source-profile",
    });
  const names = ["accessKeyId", "secretAccessKey", "sessionToken"] as const;
  const empty = names.find((name) => keys[name] === "");
  if (empty !== undefined) throw invalid(`has an empty ${empty.charAt(0).toUpperCase()}${empty.slice(1)}`);
  const texts = [keys.accessKeyId, keys.secretAccessKey, keys.sessionToken];
  if (texts.some((text) => text !== undefined && !isKey(text))) {
    throw invalid("are no credentials: they hold blanks, control characters or letters that no key has");
  }
  if (ends === undefined) return credentials;
  if (Number.isNaN(ends)) throw invalid("ends at no time that can be read (Expiration)");
  if (ends <= now) throw invalid(`has ended, at ${new Date(ends).toISOString()}`);
  return credentials;
}

async function loadSso(provider: Provider<"sso">, request: ProvidedRequest, ports: ProvidedPorts): Promise<Identity> {
  const { sessionName, startUrl, region, accountId, roleName, endpoint } = provider;
  const text =
    sessionName === undefined
      ? ""
      : `[profile ${OWN_PROFILE}]\nsso_session = ${sessionName}\n[sso-session ${sessionName}]\nsso_start_url = ${startUrl}\nsso_region = ${region}\n`;
  const again = `aws sso login ${sessionName === undefined ? profileOption(request) : `--sso-session ${sessionName}`}`;
  try {
    return await withConfigFile(text, ports, (files) =>
      within(
        SERVICE_TIME_LIMIT_MS,
        fromSSO({
          ...files,
          ssoStartUrl: startUrl,
          ssoRegion: region,
          ssoAccountId: accountId,
          ssoRoleName: roleName,
          ...(sessionName === undefined ? {} : { ssoSession: sessionName }),
          clientConfig: unsignedConfig(request, region, endpoint?.value),
          logger: SILENT,
        })(),
      ),
    );
  } catch (error) {
    const { label } = request.source;
    const { words } = failureOf(error, label);
    if (/Forbidden|ResourceNotFound/.test(words)) {
      throw new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", `${label} gives no ${roleName} in account ${accountId}`, {
        hint: "check sso_role_name and sso_account_id: `aws sso list-accounts` and the start page show what there is",
      });
    }
    if (/expired|Unauthorized/i.test(words)) {
      throw new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", `${label}: the sign-in has expired`, { hint: again });
    }
    if (/not found|invalid|not set|missing/i.test(words)) {
      throw new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label}: nobody is signed in`, { hint: again });
    }
    throw gaveNothing(label, again);
  }
}

async function loadLogin(
  provider: Provider<"login">,
  request: ProvidedRequest,
  ports: ProvidedPorts,
): Promise<Identity> {
  const region = provider.region ?? stsRegion(request.place);
  const text = `[profile ${OWN_PROFILE}]\nlogin_session = ${provider.session}\nregion = ${region}\n`;
  try {
    return await withConfigFile(text, ports, (files) =>
      within(
        SERVICE_TIME_LIMIT_MS,
        fromLoginCredentials({ ...files, clientConfig: unsignedConfig(request, region, undefined), logger: SILENT })(),
      ),
    );
  } catch (error) {
    const { label } = request.source;
    const { words } = failureOf(error, label);
    const again = `aws login ${profileOption(request)}`;
    if (/ENOENT/.test(words)) {
      throw new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label}: nobody is signed in`, { hint: again });
    }
    if (/expired|re-?authenticate|permission/i.test(words)) {
      throw new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", `${label}: the sign-in has expired`, { hint: again });
    }
    throw gaveNothing(label, again);
  }
}

async function loadWebIdentity(provider: Provider<"web identity">, request: ProvidedRequest): Promise<Identity> {
  const { source, place, shape } = request;
  const token = readToken(provider.tokenFile, source.label);
  const name = shape?.roleSessionName?.value ?? provider.roleSessionName ?? DEFAULT_SESSION_NAME;
  try {
    return await within(
      SERVICE_TIME_LIMIT_MS,
      fromWebToken({
        webIdentityToken: token,
        roleArn: provider.roleArn,
        roleSessionName: name,
        ...(shape?.durationSeconds === undefined ? {} : { durationSeconds: shape.durationSeconds.value }),
        ...(shape?.sessionPolicy === undefined ? {} : { policy: shape.sessionPolicy.value.text }),
        ...(shape === undefined || shape.policyArns.length === 0
          ? {}
          : { policyArns: shape.policyArns.map(({ value }) => ({ arn: value })) }),
        clientConfig: unsignedConfig(request, stsRegion(place), place.endpoints.sts?.value),
        logger: SILENT,
      })(),
    );
  } catch (error) {
    const { refusal } = failureOf(error, source.label);
    if (refusal === undefined) throw gaveNothing(source.label, `check the token in ${provider.tokenFile}`);
    throw new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", `${source.label} was refused: ${refusal.text}`, {
      hint: `is the token in ${provider.tokenFile} fresh, and does the trust policy of ${provider.roleArn} let its issuer in?`,
      cause: refusal.cause,
      details: { awsCode: refusal.code },
    });
  }
}

async function loadInstanceMetadata({ endpoint }: Provider<"instance metadata">): Promise<Identity> {
  // Without IMDSv2's token anything on the instance that can be made to fetch an address could fetch the keys.
  const settings = { AWS_EC2_METADATA_SERVICE_ENDPOINT: endpoint, AWS_EC2_METADATA_V1_DISABLED: "true" };
  const given = { timeout: METADATA_STEP_LIMIT_MS, maxRetries: 1, ec2MetadataV1Disabled: true, logger: SILENT };
  try {
    return await withEnvironment(settings, () => within(METADATA_TIME_LIMIT_MS, fromInstanceMetadata(given)()));
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    throw new AssumeMfaError(
      "SOURCE_CREDENTIALS_MISSING",
      `the instance's role: no credentials came from ${endpoint} (IMDSv2)`,
      { hint: "is this an EC2 instance with a role? in a container the hop limit of its metadata must be 2" },
    );
  }
}

async function loadContainer({ uri }: Provider<"container">, { host }: ProvidedPorts): Promise<Identity> {
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: given } = host.env;
  const token = file ? readToken(file, "the container's role") : given;
  rememberSecret(token);
  if (token !== undefined && !/^[\x20-\x7e]*$/.test(token)) {
    throw new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", "the container's role: its authorization token is none", {
      hint: "check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and AWS_CONTAINER_AUTHORIZATION_TOKEN",
    });
  }
  try {
    return await within(
      METADATA_TIME_LIMIT_MS,
      // Empty, not left out: else the SDK takes them from the environment.
      fromHttp({
        awsContainerCredentialsFullUri: uri,
        awsContainerCredentialsRelativeUri: "",
        awsContainerAuthorizationToken: token ?? "",
        awsContainerAuthorizationTokenFile: "",
        timeout: METADATA_TIME_LIMIT_MS,
        maxRetries: 0,
        logger: SILENT,
      })(),
    );
  } catch (error) {
    const status = /status: (\d{3})/.exec(messageOf(error))?.[1];
    const why = status === undefined ? "" : `: the answer was ${status}`;
    throw new AssumeMfaError(
      status === undefined ? "SOURCE_CREDENTIALS_MISSING" : "SOURCE_CREDENTIALS_INVALID",
      `the container's role: no credentials came from ${new URL(uri).origin}${why}`,
      { hint: "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI and the task's role" },
    );
  }
}

/** @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING */
function readToken(file: string, label: string): string {
  const read = readTextFile(file, TOKEN_LIMIT_BYTES);
  const token = read.kind === "text" ? read.text.trim() : "";
  if (token !== "") {
    rememberSecret(token);
    return token;
  }
  const reason = read.kind === "missing" ? "it is missing" : read.kind === "unreadable" ? read.reason : "it is empty";
  throw new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label}: can't read the token in ${file}: ${reason}`, {
    hint: "whoever issues the tokens writes that file",
    details: { path: file },
  });
}

/** For calls that nobody signs: everything is given but credentials. */
function unsignedConfig({ place }: ProvidedRequest, region: string, endpoint: string | undefined) {
  const isOwnAddress = endpoint !== undefined;
  const { credentials: _none, ...config } = makeClientConfig({
    region,
    endpoint,
    credentials: NOBODY,
    useFipsEndpoint: !isOwnAddress && place.useFipsEndpoint.value,
    useDualstackEndpoint: !isOwnAddress && place.useDualstackEndpoint.value,
    connection: place.connection,
    maxAttempts: 2,
  });
  return config;
}

const NOBODY = new Credentials({ accessKeyId: "", secretAccessKey: "" });
const OWN_PROFILE = "source";

interface ConfigFiles {
  readonly profile: string;
  readonly configFilepath: string;
  readonly filepath: string;
}

/** The SDK takes these settings from a file alone. No secret is in it. */
async function withConfigFile<T>(
  text: string,
  { host }: ProvidedPorts,
  work: (files: ConfigFiles) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "assume-mfa-source-"));
  try {
    const configFilepath = path.join(folder, "config");
    writeFileSync(configFilepath, text, { mode: 0o600 });
    const files = { profile: OWN_PROFILE, configFilepath, filepath: path.join(folder, "credentials") };
    const { homeDirectory, env } = host;
    const settings = {
      ...(homeDirectory === undefined ? {} : { HOME: homeDirectory }),
      AWS_LOGIN_CACHE_DIRECTORY: env.AWS_LOGIN_CACHE_DIRECTORY || undefined,
    };
    return await withEnvironment(settings, () => work(files));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sets variables of this process, for what the SDK takes from nowhere else; they are as before when it is done. */
async function withEnvironment<T>(
  settings: Readonly<Record<string, string | undefined>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  try {
    for (const [name, value] of Object.entries(settings)) set(name, value);
    return await work();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

class OutOfTime extends Error {
  override readonly name = "TimeoutError";
}

/** Not all of the SDK's own time limits hold until an answer is complete. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OutOfTime("no answer within the time limit")), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface ProviderFailure {
  /** To be looked at, never shown. */
  readonly words: string;
  /** AWS's own answer, which may be shown. */
  readonly refusal: { readonly code: string; readonly text: string; readonly cause: unknown } | undefined;
}

const NETWORK_WORDS =
  /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|TimeoutError|time limit|socket hang up|ERR_PROXY_TUNNEL|CERT_|SELF_SIGNED|UNABLE_TO_/;

/** @throws what is ours already; AssumeMfaError NETWORK where nobody answered */
function failureOf(error: unknown, label: string): ProviderFailure {
  if (error instanceof AssumeMfaError || error instanceof InterruptedError) throw error;
  const words = `${error instanceof Error ? error.name : ""} ${messageOf(error)}`;
  const failure = classifyFailure(error);
  const isNetwork = failure === undefined ? NETWORK_WORDS.test(words) : failure.kind !== "refused";
  if (isNetwork) {
    throw new AssumeMfaError("NETWORK", `${label} could not be asked: ${failure?.message ?? "the connection failed"}`, {
      hint: "check the network, HTTPS_PROXY and AWS_CA_BUNDLE, then try again",
    });
  }
  if (failure?.kind !== "refused") return { words, refusal: undefined };
  const { code, message } = failure;
  return { words, refusal: { code, text: `${code}: ${awsText(message, code)}`, cause: detachFailure(error) } };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? String(error.message) : "";
}

function gaveNothing(label: string, hint: string): AssumeMfaError {
  return new AssumeMfaError("SOURCE_CREDENTIALS_MISSING", `${label} gave no credentials`, { hint });
}

function profileOption({ source }: ProvidedRequest): string {
  return `--profile ${shownName(source.profileName ?? "default")}`;
}
