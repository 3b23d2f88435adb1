import { isLoopbackHost } from "../aws/loopback.ts";
import type { Environment } from "../host/host.ts";
import type { AwsConfig, Profile } from "./aws-config.ts";
import { formatOrigin } from "./format-origin.ts";
import {
  checkedBoolean,
  environmentSetting,
  firstOf,
  locatedSetting,
  optionSetting,
  profileSetting,
  refused,
  type Setting,
  sourced,
} from "./setting.ts";
import type { ServiceId, Sourced, Target } from "./target.ts";

type SourceServiceId = ServiceId | "sso" | "sso_oidc";

const SERVICE_IDS: readonly ServiceId[] = ["sts", "ec2", "dynamodb", "iam"];
const MAX_URL_LENGTH = 2048;

/**
 * Where each service is called, if not at AWS's own address. First that is there: the option, `AWS_ENDPOINT_URL_<SERVICE>`,
 * `AWS_ENDPOINT_URL`, the `services` section that the profile names, the profile's `endpoint_url` (AWS SDKs and Tools
 * Reference Guide, "Service-specific endpoints"). `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` leaves only the option.
 * Signed requests go to the address, so it is https, or http to this machine.
 * AWS's rules know no FIPS or dual-stack variant of an address of one's own: the SDK refuses it when it is called, which
 * would be after a code was asked for.
 * @param profile whose settings count
 * @throws AssumeMfaError CONFIG_MALFORMED, USAGE, ENDPOINT_UNEXPECTED (http to another machine)
 */
export function resolveEndpoints(
  option: string | undefined,
  profile: Profile | undefined,
  config: AwsConfig,
  env: Environment,
): Target["endpoints"] {
  const endpoints: Partial<Record<ServiceId, Sourced<string>>> = {};
  for (const service of SERVICE_IDS) {
    const endpoint = resolveEndpoint(service, option, profile, config, env);
    if (endpoint !== undefined) endpoints[service] = endpoint;
  }
  return Object.freeze(endpoints);
}

/**
 * The same of one service.
 * @param service `sso` and `sso_oidc` are called for a source's credentials alone
 * @returns undefined: AWS's own address
 */
export function resolveEndpoint(
  service: SourceServiceId,
  option: string | undefined,
  profile: Profile | undefined,
  config: AwsConfig,
  env: Environment,
): Sourced<string> | undefined {
  const isIgnored =
    checkedBoolean(
      firstOf(
        environmentSetting(env, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        profileSetting(profile, "ignore_configured_endpoint_urls"),
      ),
    )?.value ?? false;
  const given = optionSetting("--endpoint-url", option);
  const setting = given ?? (isIgnored ? undefined : configuredEndpoint(service, profile, config, env));
  if (setting === undefined) return undefined;
  const endpoint = checkEndpoint(setting);
  for (const variant of ["use_fips_endpoint", "use_dualstack_endpoint"]) refuseVariant(variant, setting, profile, env);
  return endpoint;
}

function refuseVariant(key: string, endpoint: Setting, profile: Profile | undefined, env: Environment): void {
  const variant = firstOf(environmentSetting(env, `AWS_${key.toUpperCase()}`), profileSetting(profile, key));
  if (checkedBoolean(variant)?.value !== true || variant === undefined) return;
  throw refused(endpoint, `does not go together with ${key} = true (${formatOrigin(variant.origin)})`, {
    code: "ENDPOINT_UNEXPECTED",
    hint: `take one of them out${endpoint.origin.kind === "option" ? "" : "; AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true leaves configured endpoints aside"}`,
  });
}

function configuredEndpoint(
  service: SourceServiceId,
  profile: Profile | undefined,
  config: AwsConfig,
  env: Environment,
) {
  return (
    environmentSetting(env, `AWS_ENDPOINT_URL_${service.toUpperCase()}`) ??
    environmentSetting(env, "AWS_ENDPOINT_URL") ??
    servicesEndpoint(service, profile, config) ??
    profileSetting(profile, "endpoint_url")
  );
}

function servicesEndpoint(
  service: SourceServiceId,
  profile: Profile | undefined,
  config: AwsConfig,
): Setting | undefined {
  const named = profileSetting(profile, "services");
  if (profile === undefined || named === undefined) return undefined;
  const section = config.services(named.value);
  if (section === undefined) throw refused(named, `names no [services …] section of ${config.configPath}`);
  return locatedSetting(profile, "endpoint_url", section.nested(service, "endpoint_url"));
}

/** The URL is handed on as it was understood here, so that nobody behind us can read another host out of it. */
function checkEndpoint(setting: Setting): Sourced<string> {
  const { value } = setting;
  const isPlain = value.length <= MAX_URL_LENGTH && /^[\x21-\x7e]+$/.test(value) && URL.canParse(value);
  const url = isPlain ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw refused(setting, "must be an http or https URL, such as https://vpce-0123.sts.us-east-1.vpce.amazonaws.com");
  }
  if (url.username !== "" || url.password !== "") throw refused(setting, "must not hold a user name or password");
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(value)) {
    throw refused(setting, "must not hold a query or fragment");
  }
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
    throw refused(setting, "must be https: plain http is for this machine alone (127.0.0.1, [::1], localhost)", {
      code: "ENDPOINT_UNEXPECTED",
      hint: "write https:// in place of http://",
    });
  }
  return sourced(url.origin + url.pathname.replace(/\/+$/, ""), setting.origin);
}
