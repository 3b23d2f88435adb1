import { parseRoleArn } from "../aws/arn.ts";
import { isLoopbackHost } from "../aws/loopback.ts";
import type { Environment } from "../host/host.ts";
import type { AwsConfig, Profile } from "./aws-config.ts";
import { formatOrigin } from "./format-origin.ts";
import { REGION } from "./region.ts";
import { resolveEndpoint } from "./resolve-endpoints.ts";
import {
  checkedBoolean,
  environmentSetting,
  firstOf,
  profileSetting,
  quoted,
  refused,
  type Setting,
} from "./setting.ts";
import { splitWords } from "./split-words.ts";
import type { Origin, SourceProvided, SourceProvider } from "./target.ts";

/** What a provider's settings are looked up in. */
export interface ProviderQuery {
  readonly config: AwsConfig;
  readonly env: Environment;
  /** `--endpoint-url` */
  readonly endpointUrl: string | undefined;
  /** The environment's keys are a session that our own `export` put there, and this is its region. */
  readonly exported: { readonly region: string | undefined } | undefined;
}

const MAX_URL_LENGTH = 2048;
const MAX_PATH_LENGTH = 4096;
const ROLE_NAME = /^[\w+=,.@-]{1,64}$/;
const ROLE_SESSION_NAME = /^[\w+=,.@-]{2,64}$/;
/** What the SDK reads as a section's name (`parseIni`); others could not be looked up by it. */
const SSO_SESSION_NAME = /^[\w@+.%:/-]{1,256}$/;

/**
 * A profile's role that a token opens, and nobody's keys. As in the AWS CLI it wins over `source_profile`.
 * @returns undefined when the profile names no token
 * @throws AssumeMfaError CONFIG_MALFORMED
 */
export function resolveWebIdentity(profile: Profile): SourceProvided | undefined {
  const file = profileSetting(profile, "web_identity_token_file");
  if (file === undefined) return undefined;
  if (file.value === "" || file.value.length > MAX_PATH_LENGTH || file.value.includes("\0")) {
    throw refused(file, file.value === "" ? "is empty" : "is no path of a file");
  }
  const role = profileSetting(profile, "role_arn");
  if (role === undefined) throw refused(file, "needs a role_arn beside it, which the token is to open");
  if (parseRoleArn(role.value) === undefined) throw refused(role, "is no role's ARN");
  const name = profileSetting(profile, "role_session_name");
  if (name !== undefined && !ROLE_SESSION_NAME.test(name.value)) {
    throw refused(name, "must be 2 to 64 letters, digits or any of _ + = , . @ -");
  }
  return provided(profile, file.origin, `the web identity of profile ${quoted(profile.name)}`, {
    kind: "web identity",
    roleArn: role.value,
    tokenFile: file.value,
    roleSessionName: name?.value,
  });
}

/**
 * IAM Identity Center. As in the AWS CLI `sso_account_id` or `sso_role_name` says that it is meant, and what stands in the
 * `sso-session` section and in the profile too must be the same.
 * @param isLastResort nothing else gives the profile credentials: half of it counts too, and is refused for what is missing
 * @returns undefined when the profile has nothing of it
 * @throws AssumeMfaError CONFIG_MALFORMED
 */
export function resolveSso(
  profile: Profile,
  query: ProviderQuery,
  isLastResort: boolean = false,
): SourceProvided | undefined {
  const sessionName = profileSetting(profile, "sso_session");
  const part = isLastResort ? (sessionName ?? profileSetting(profile, "sso_start_url")) : undefined;
  const present = firstOf(profileSetting(profile, "sso_account_id"), profileSetting(profile, "sso_role_name"), part);
  if (present === undefined) return undefined;
  const session = sessionName && ssoSession(sessionName, query.config);
  const setting = (key: string): Setting => {
    const own = profileSetting(profile, key);
    const theirs = profileSetting(session, key);
    if (own !== undefined && theirs !== undefined && own.value !== theirs.value) {
      throw refused(own, `is not what the sso-session says (${formatOrigin(theirs.origin)})`, {
        hint: "take one of the two out",
      });
    }
    const found = own ?? theirs;
    if (found !== undefined) return found;
    const where = session === undefined || key === "sso_account_id" || key === "sso_role_name" ? profile : session;
    throw refused(present, `needs ${key} too`, { hint: `add ${key} = … to ${where.path}:${where.line}` });
  };
  const good = (key: string, isGood: (value: string) => boolean, demand: string): string => {
    const found = setting(key);
    if (!isGood(found.value)) throw refused(found, found.value === "" ? "is empty" : `must be ${demand}`);
    return found.value;
  };
  return provided(profile, present.origin, `IAM Identity Center (profile ${quoted(profile.name)})`, {
    kind: "sso",
    sessionName: sessionName?.value,
    startUrl: good("sso_start_url", isHttpsUrl, "an https URL, such as https://example.awsapps.com/start"),
    region: good("sso_region", (value) => REGION.test(value), "the name of a region, such as us-east-1"),
    accountId: good("sso_account_id", (value) => /^\d{12}$/.test(value), "an account id of twelve digits"),
    roleName: good("sso_role_name", (value) => ROLE_NAME.test(value), "the name of a permission set"),
    endpoint: resolveEndpoint("sso", query.endpointUrl, profile, query.config, query.env),
    // Not the option's, which says where credentials are had: the refresh token goes only where somebody sent it.
    oidcEndpoint: resolveEndpoint("sso_oidc", undefined, profile, query.config, query.env),
  });
}

function ssoSession(named: Setting, config: AwsConfig): Profile {
  const session = SSO_SESSION_NAME.test(named.value) ? config.ssoSession(named.value) : undefined;
  if (session === undefined) throw refused(named, `names no [sso-session …] section of ${config.configPath}`);
  return session;
}

function isHttpsUrl(value: string): boolean {
  return value.length <= MAX_URL_LENGTH && /^https:\/\/[\x21-\x7e]+$/.test(value) && URL.canParse(value);
}

/**
 * A console sign-in (`aws login`).
 * @returns undefined when the profile has none
 * @throws AssumeMfaError CONFIG_MALFORMED
 */
export function resolveLogin(profile: Profile): SourceProvided | undefined {
  const session = profileSetting(profile, "login_session");
  if (session === undefined) return undefined;
  if (!/^arn:[\w-]+:[\x21-\x7e]{1,700}$/.test(session.value)) throw refused(session, "is no ARN of who signed in");
  const region = profileSetting(profile, "region");
  if (region !== undefined && !REGION.test(region.value)) {
    throw refused(region, "must be the name of a region, such as us-east-1");
  }
  return provided(profile, session.origin, `the console sign-in of profile ${quoted(profile.name)}`, {
    kind: "login",
    session: session.value,
    region: region?.value,
  });
}

/**
 * What a program can choose an identity by, of all that it is given of the environment, as the AWS CLI gives it: whose
 * credentials it prints can hang on each. None of them is a secret. The region is none: it chooses no identity.
 */
const PROCESS_VARIABLES: readonly string[] = [
  ...["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
  ...[
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
  ],
  ...["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"],
  ...["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO"],
];

function processVariables({ env, exported }: ProviderQuery): readonly string[] {
  return PROCESS_VARIABLES.flatMap((name) => {
    const value = environmentSetting(env, name)?.value;
    if (value === undefined) return [];
    // The keys of our own `export` are not given to it.
    if (exported !== undefined && name === "AWS_ACCESS_KEY_ID") return [];
    return [`${name}=${value}`];
  });
}

/**
 * `credential_process`, split into words as the AWS CLI does, which runs it without a shell as well. It is not run here.
 * @returns undefined when the profile has none
 * @throws AssumeMfaError CONFIG_MALFORMED, never with what stands there
 */
export function resolveCredentialProcess(profile: Profile, query: ProviderQuery): SourceProvided | undefined {
  const setting = profileSetting(profile, "credential_process");
  if (setting === undefined) return undefined;
  if (setting.value.includes("\0")) throw refused(setting, "holds a NUL, which no command can");
  const words = splitWords(setting.value);
  if (words === undefined) throw refused(setting, "has an open quote, or a backslash at its end");
  const [program] = words;
  if (program === undefined || program === "") throw refused(setting, "is empty");
  // `./keys` would run what lies in the current folder, which is whoever's repository that is (ACCEPTANCE.md T13).
  if (/[/\\]/.test(program) && !/^(?:\/|[A-Za-z]:[/\\]|\\\\)/.test(program)) {
    throw refused(setting, "must begin with a program's name or its absolute path", {
      hint: "the AWS CLI runs it without a shell too: no ~ and no $HOME",
    });
  }
  return provided(profile, setting.origin, `credential_process of profile ${quoted(profile.name)}`, {
    kind: "process",
    command: Object.freeze(words),
    environment: Object.freeze(processVariables(query)),
  });
}

const IMDS_IPV4 = "http://169.254.169.254";
const IMDS_IPV6 = "http://[fd00:ec2::254]";

/**
 * `credential_source = Ec2InstanceMetadata`: the role of the instance that this runs on.
 * @param setting the `credential_source`
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING where the service is switched off, CONFIG_MALFORMED, USAGE
 */
export function resolveInstanceMetadata(setting: Setting, profile: Profile, env: Environment): SourceProvided {
  if (checkedBoolean(environmentSetting(env, "AWS_EC2_METADATA_DISABLED"))?.value === true) {
    throw refused(setting, "= Ec2InstanceMetadata, but AWS_EC2_METADATA_DISABLED is true", {
      code: "SOURCE_CREDENTIALS_MISSING",
      hint: "unset AWS_EC2_METADATA_DISABLED, or let other keys sign: --source-profile",
    });
  }
  const endpoint = firstOf(
    environmentSetting(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT"),
    profileSetting(profile, "ec2_metadata_service_endpoint"),
  );
  const mode = firstOf(
    environmentSetting(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"),
    profileSetting(profile, "ec2_metadata_service_endpoint_mode"),
  );
  if (mode !== undefined && !/^ipv[46]$/i.test(mode.value)) throw refused(mode, "must be IPv4 or IPv6");
  const isIpv6 = mode?.value.toLowerCase() === "ipv6";
  return provided(undefined, setting.origin, "the instance's role", {
    kind: "instance metadata",
    endpoint: endpoint === undefined ? (isIpv6 ? IMDS_IPV6 : IMDS_IPV4) : plainHttp(endpoint),
  });
}

function plainHttp(setting: Setting): string {
  const { value } = setting;
  const url = value.length <= MAX_URL_LENGTH && URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== "http:" || url.username !== "" || url.search !== "" || url.hash !== "") {
    throw refused(setting, `must be a plain http URL, such as ${IMDS_IPV4}`);
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

const ECS_HOST = "169.254.170.2";
/** The same as the AWS SDK's: only these may be asked without TLS, beside this machine itself. */
const CONTAINER_HOSTS: ReadonlySet<string> = new Set([ECS_HOST, "169.254.170.23", "[fd00:ec2::23]"]);

/**
 * `credential_source = EcsContainer`: the role of the container that this runs in.
 * @param setting the `credential_source`
 * @throws AssumeMfaError SOURCE_CREDENTIALS_MISSING where nothing says where to ask, USAGE for an address that is not to be
 *   asked
 */
export function resolveContainer(setting: Setting, env: Environment): SourceProvided {
  const relative = environmentSetting(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const address = relative ?? environmentSetting(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (address === undefined) {
    throw refused(setting, "= EcsContainer, but the environment says nowhere to ask", {
      code: "SOURCE_CREDENTIALS_MISSING",
      hint: "ECS and EKS set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI: this runs in neither",
    });
  }
  const text = relative === undefined ? address.value : `http://${ECS_HOST}${relative.value}`;
  const isPlain = text.length <= MAX_URL_LENGTH && /^https?:\/\/[\x21-\x7e]+$/.test(text) && URL.canParse(text);
  const url = isPlain ? new URL(text) : undefined;
  // What begins otherwise than with a slash would make another host of ours: `@elsewhere.example/`.
  const isElsewhere = relative !== undefined && (!relative.value.startsWith("/") || url?.hostname !== ECS_HOST);
  if (url === undefined || isElsewhere || url.username !== "" || url.password !== "") {
    throw refused(
      address,
      relative === undefined ? "must be an http or https URL" : "must be a path, such as /v2/credentials/…",
    );
  }
  if (url.protocol === "http:" && !CONTAINER_HOSTS.has(url.hostname) && !isLoopbackHost(url.hostname)) {
    throw refused(address, "must be https: plain http is for this machine and for the addresses of ECS and EKS");
  }
  return provided(undefined, setting.origin, "the container's role", { kind: "container", uri: url.href });
}

function provided(
  profile: Profile | undefined,
  origin: Origin,
  label: string,
  provider: SourceProvider,
): SourceProvided {
  return Object.freeze({
    kind: "provided",
    label,
    profileName: profile?.name,
    origin,
    provider: Object.freeze(provider),
  });
}
