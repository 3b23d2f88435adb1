import { join } from "node:path";
import { HttpProxy } from "../aws/http-proxy.ts";
import type { Environment } from "../host/host.ts";
import type { Profile } from "./aws-config.ts";
import { formatOrigin } from "./format-origin.ts";
import { environmentSetting, firstOf, profileSetting, refused, type Setting } from "./setting.ts";
import type { SourcedConnection } from "./target.ts";

const MAX_URL_LENGTH = 2048;
const PROXY_HINT =
  "write it as http://proxy.example:3128, or with http://user:password@ (@ : / ? # % in them as %40 %3A %2F %3F %23 %25)";

/**
 * How AWS is reached. The proxy: `https_proxy`, else `HTTPS_PROXY`, as botocore, hence the AWS CLI, reads them; `ALL_PROXY`
 * it does not read, and `HTTP_PROXY` is for plain http, which is for this machine alone. The authorities: `AWS_CA_BUNDLE`,
 * else the profile's `ca_bundle`. Pure: the file is read by `aws/ca-bundle.ts`.
 * @param profile whose settings count
 * @throws AssumeMfaError USAGE (a proxy that is none), CONFIG_MALFORMED (an empty `ca_bundle`)
 */
export function resolveConnection(profile: Profile | undefined, env: Environment): SourcedConnection {
  const proxy = proxySetting(env, "https_proxy");
  return Object.freeze({
    proxy: proxy && makeProxy(proxy, proxySetting(env, "no_proxy")?.value),
    caBundle: resolveCaBundle(profile, env),
  });
}

/** urllib's `getproxies_environment`: lower case wins, and an empty one takes the other away. */
function proxySetting(env: Environment, variable: string): Setting | undefined {
  return environmentSetting(env, env[variable] === undefined ? variable.toUpperCase() : variable);
}

function makeProxy(setting: Setting, noProxy: string | undefined): HttpProxy {
  const bad = () => refused(setting, "is no proxy's URL", { hint: PROXY_HINT });
  const text = withScheme(setting.value);
  if (text.length > MAX_URL_LENGTH || !/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) throw bad();
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(setting, "names a kind of proxy that is not supported, only http:// and https:// are", {
      hint: PROXY_HINT,
    });
  }
  // An unescaped character in a password ends the host's part early: the wrong host would get half of it.
  if ((url.pathname + url.search + url.hash).includes("@")) throw bad();
  const user = userOf(url);
  if (user === undefined) throw bad();
  const { protocol, port } = url;
  return new HttpProxy({
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    user: url.username === "" && url.password === "" ? undefined : user,
    setBy: setting.name,
    noProxy,
  });
}

/** As botocore: what has no scheme is http. */
function withScheme(value: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return value;
  return value.startsWith("//") ? `http:${value}` : `http://${value}`;
}

/** @returns undefined when a percent sign in it escapes nothing */
function userOf({ username, password }: URL): { readonly name: string; readonly password: string } | undefined {
  try {
    return { name: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}

function resolveCaBundle(profile: Profile | undefined, env: Environment): SourcedConnection["caBundle"] {
  const setting = firstOf(environmentSetting(env, "AWS_CA_BUNDLE"), profileSetting(profile, "ca_bundle"));
  if (setting === undefined) return undefined;
  // The AWS CLI takes an empty one for "verify nothing".
  if (setting.value === "") throw refused(setting, "is empty", { hint: "name a file of PEM certificates there" });
  const home = env.HOME ?? env.USERPROFILE;
  const path = home && /^~(?:\/|$)/.test(setting.value) ? join(home, setting.value.slice(1)) : setting.value;
  return Object.freeze({ path, setBy: formatOrigin(setting.origin), origin: setting.origin });
}
