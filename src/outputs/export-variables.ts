import type { Credentials } from "../credentials/credentials.ts";
import { AssumeMfaError } from "../errors.ts";

export interface ExportInput {
  readonly credentials: Credentials;
  /** Undefined where none is known: then the variables of the region are left alone. */
  readonly region: string | undefined;
}

/** One change to the reader's environment; an undefined value takes the variable away. */
export interface VariableChange {
  readonly name: string;
  readonly value: string | undefined;
}

/** What hands over credentials. A failed `export` takes away these (CLI.md, "Output"). */
export const CREDENTIAL_NAMES: readonly string[] = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
];

export const REGION_NAMES: readonly string[] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/** With a profile in the environment some SDKs pass over the keys beside it. */
const PROFILE_NAMES: readonly string[] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];

// Of these characters none means anything to any shell, quoted or not. Keys and tokens of AWS are base64 in its standard
// alphabet; IAM API reference, AccessKey: AccessKeyId is 16 to 128 characters. A token has no documented length: the bound
// keeps it well under the 128 KiB that Linux allows one variable.
const ACCESS_KEY_ID = /^[A-Z0-9]{16,128}$/;
const SECRET_ACCESS_KEY = /^[A-Za-z0-9/+=]{1,1024}$/;
const SESSION_TOKEN = /^[A-Za-z0-9/+=]{1,65536}$/;
/** A region stands in host names, so it has the form of one of their labels. */
const REGION = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/**
 * The environment that hands over these credentials, takings first, so that a reader that stops half way is left with too
 * little rather than with a mixture, and so that the last statement is one that succeeds.
 *
 * The gate before every format (ACCEPTANCE.md V2): what has a character that AWS never uses there is refused, not escaped.
 * @throws AssumeMfaError UNEXPECTED, or CONFIG_MALFORMED for the region; never with the value in it
 */
export function toVariableChanges({ credentials, region }: ExportInput): readonly VariableChange[] {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials;
  const values: VariableChange[] = [
    { name: "AWS_ACCESS_KEY_ID", value: allow("access key id", accessKeyId, ACCESS_KEY_ID) },
    { name: "AWS_SECRET_ACCESS_KEY", value: allow("secret access key", secretAccessKey, SECRET_ACCESS_KEY) },
    {
      name: "AWS_SESSION_TOKEN",
      value: sessionToken === undefined ? undefined : allow("session token", sessionToken, SESSION_TOKEN),
    },
    {
      name: "AWS_CREDENTIAL_EXPIRATION",
      value: expiration === undefined ? undefined : allow("expiry", formatIsoTime(expiration), ISO_TIME),
    },
    // The name of AWS_SESSION_TOKEN in old SDKs: left behind, it would contradict the new one.
    { name: "AWS_SECURITY_TOKEN", value: undefined },
    ...PROFILE_NAMES.map((name) => ({ name, value: undefined })),
  ];
  if (region !== undefined) {
    if (!REGION.test(region)) {
      throw new AssumeMfaError("CONFIG_MALFORMED", "the region is not the name of a region, and is not handed over", {
        hint: "give one such as --region us-east-1, or correct AWS_REGION or the profile's region line",
      });
    }
    values.push(...REGION_NAMES.map((name) => ({ name, value: region })));
  }
  return [...values.filter(({ value }) => value === undefined), ...values.filter(({ value }) => value !== undefined)];
}

function allow(what: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value;
  throw new AssumeMfaError("UNEXPECTED", `the ${what} is not in the form that AWS gives, and is not handed over`, {
    hint: "see whether endpoint_url or AWS_ENDPOINT_URL name something other than AWS",
  });
}

/**
 * @param milliseconds since 1970
 * @returns to the second, rounded down, so that nobody relies on credentials that have just expired; the empty string when it is no date
 */
function formatIsoTime(milliseconds: number): string {
  const date = new Date(Math.floor(milliseconds / 1000) * 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace(".000Z", "Z");
}
