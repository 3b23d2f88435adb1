// Who gives a source's credentials: for sign-ins and tokens the explicit functions of @aws-sdk/credential-providers, never
// its default chain. Edge file: @aws-sdk/credential-providers. Rules: all that a function would look up by itself is given,
// so that no AWS file is read behind our back; what it takes from the process or a file alone goes by `sdk-settings.ts`. Its
// words are not shown: they can hold a piece of an answer or of a token. Imported only when credentials are due (it is a
// heavy part). The services of an instance and a container are not asked by it: its functions take the address from the
// process's environment, which is one for all targets at work, know no bound and can't be stopped.
import { fromLoginCredentials, fromSSO, fromWebToken } from "@aws-sdk/credential-providers";
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
import { loadContainerCredentials, loadInstanceMetadata } from "./metadata-credentials.ts";
import type { ProvidedRequest } from "./provided-request.ts";
import { type ConfigFiles, OWN_PROFILE, withConfigFile, withVariables } from "./sdk-settings.ts";
import { checkSignInFile, loginSignInFile, ssoSignInFile } from "./sign-in-file.ts";
import { stsRegion } from "./signer.ts";
import { abortedBy, toTheirServices } from "./sso-handler.ts";

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
      return loadInstanceMetadata(provider.endpoint);
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
  const { sessionName, startUrl, region, accountId, roleName, endpoint, oidcEndpoint } = provider;
  const text =
    sessionName === undefined
      ? ""
      : `[profile ${OWN_PROFILE}]\nsso_session = ${sessionName}\n[sso-session ${sessionName}]\nsso_start_url = ${startUrl}\nsso_region = ${region}\n`;
  const again = `aws sso login ${sessionName === undefined ? profileOption(request) : `--sso-session ${sessionName}`}`;
  checkSignInFile(ssoSignInFile(sessionName ?? startUrl, ports.host), request.source.label, again);
  try {
    return await within(SERVICE_TIME_LIMIT_MS, (signal) => {
      const clientConfig = unsignedConfig(request, region, endpoint?.value, signal);
      const endpoints = { sso: endpoint?.value, oidc: oidcEndpoint?.value };
      clientConfig.requestHandler = toTheirServices(clientConfig.requestHandler, endpoints);
      return withSettings(text, ports, (files) =>
        fromSSO({
          ...files,
          ssoStartUrl: startUrl,
          ssoRegion: region,
          ssoAccountId: accountId,
          ssoRoleName: roleName,
          ...(sessionName === undefined ? {} : { ssoSession: sessionName }),
          clientConfig,
          logger: SILENT,
        })(),
      );
    });
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
  const again = `aws login ${profileOption(request)}`;
  checkSignInFile(loginSignInFile(provider.session, ports.host), request.source.label, again);
  try {
    return await within(SERVICE_TIME_LIMIT_MS, (signal) => {
      const clientConfig = unsignedConfig(request, region, undefined, signal);
      return withSettings(text, ports, (files) => fromLoginCredentials({ ...files, clientConfig, logger: SILENT })());
    });
  } catch (error) {
    const { label } = request.source;
    const { words } = failureOf(error, label);
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
    return await within(SERVICE_TIME_LIMIT_MS, (signal) =>
      fromWebToken({
        webIdentityToken: token,
        roleArn: provider.roleArn,
        roleSessionName: name,
        ...(shape?.durationSeconds === undefined ? {} : { durationSeconds: shape.durationSeconds.value }),
        ...(shape?.sessionPolicy === undefined ? {} : { policy: shape.sessionPolicy.value.text }),
        ...(shape === undefined || shape.policyArns.length === 0
          ? {}
          : { policyArns: shape.policyArns.map(({ value }) => ({ arn: value })) }),
        clientConfig: unsignedConfig(request, stsRegion(place), place.endpoints.sts?.value, signal),
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

async function loadContainer({ uri }: Provider<"container">, { host }: ProvidedPorts): Promise<Identity> {
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file, AWS_CONTAINER_AUTHORIZATION_TOKEN: given } = host.env;
  const token = file ? readToken(file, "the container's role") : given;
  rememberSecret(token);
  if (token !== undefined && !/^[\x20-\x7e]*$/.test(token)) {
    throw new AssumeMfaError("SOURCE_CREDENTIALS_INVALID", "the container's role: its authorization token is none", {
      hint: "check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE and AWS_CONTAINER_AUTHORIZATION_TOKEN",
    });
  }
  return loadContainerCredentials(uri, token);
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
function unsignedConfig({ place }: ProvidedRequest, region: string, endpoint: string | undefined, signal: AbortSignal) {
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
  return { ...config, requestHandler: abortedBy(config.requestHandler, signal) };
}

const NOBODY = new Credentials({ accessKeyId: "", secretAccessKey: "" });

/** The SDK takes these settings from a file and from the process alone. No secret is in them. */
function withSettings<T>(
  text: string,
  { host: { homeDirectory, env } }: ProvidedPorts,
  work: (files: ConfigFiles) => Promise<T>,
): Promise<T> {
  const home = homeDirectory === undefined ? {} : { HOME: homeDirectory };
  const variables = { ...home, AWS_LOGIN_CACHE_DIRECTORY: env.AWS_LOGIN_CACHE_DIRECTORY || undefined };
  return withVariables(variables, () => withConfigFile(text, work));
}

class OutOfTime extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Not all of the SDK's own time limits hold until an answer is complete.
 * @param begin its signal ends the work's requests, when the time is over or its outcome is known
 */
async function within<T>(milliseconds: number, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OutOfTime("no answer within the time limit")), milliseconds);
  });
  try {
    return await Promise.race([begin(controller.signal), late]);
  } finally {
    clearTimeout(timer);
    controller.abort();
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
