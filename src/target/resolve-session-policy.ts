import type { RoleArn } from "../aws/arn.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";
import { POLICY_SIZE_QUOTAS } from "../policy/policy-size.ts";
import { PolicySyntaxError } from "../policy/policy-syntax-error.ts";
import { parseSessionPolicy, type SessionPolicy } from "../policy/session-policy.ts";
import { refused, sourced } from "./setting.ts";
import type { Sourced } from "./target.ts";
import { expandPath, readTextFile } from "./text-file.ts";

/** What `--policy` says: a text that nobody looked at yet. */
export interface GivenPolicy {
  readonly text: string;
  /** The file that it stands in; undefined for a policy on the command line itself. */
  readonly path: string | undefined;
}

/** The largest document that any call of IAM takes, and far above what STS does: room for white space. */
const MAX_POLICY_FILE_BYTES = 128 * 1024;
const FILE_PREFIX = "file://";
const POLICY_HINT = "IAM's policy grammar says what a session policy may hold; STS takes 2048 characters of it";

/**
 * `--policy`, as the AWS CLI reads such a value: itself, or what stands in the file behind `file://`, whose path may be
 * relative to the current folder and hold `~` and variables.
 * @throws AssumeMfaError CONFIG_UNREADABLE, naming the option and the file
 */
export function loadGivenPolicy(
  option: string | undefined,
  host: Pick<Host, "env" | "homeDirectory">,
): GivenPolicy | undefined {
  if (option === undefined) return undefined;
  if (!option.startsWith(FILE_PREFIX)) return { text: option, path: undefined };
  if (option === FILE_PREFIX) throw unreadable(FILE_PREFIX, "no file is named", undefined);
  const expanded = expandPath(option.slice(FILE_PREFIX.length), "--policy", host);
  if (expanded.kind === "unreadable") throw unreadable(expanded.path, expanded.reason, undefined);
  const read = readTextFile(expanded.path, MAX_POLICY_FILE_BYTES);
  if (read.kind === "missing") throw unreadable(expanded.path, "there is no such file", undefined);
  if (read.kind === "unreadable") throw unreadable(expanded.path, read.reason, read.cause);
  return { text: read.text, path: expanded.path };
}

function unreadable(path: string, reason: string, cause: unknown): AssumeMfaError {
  return new AssumeMfaError("CONFIG_UNREADABLE", `can't read the policy of --policy, ${path}: ${reason}`, {
    hint: "name a file that can be read: --policy file://policy.json",
    cause,
    details: { path },
  });
}

/** What narrows the session, beside the role's own policies. */
export interface SessionPolicies {
  readonly sessionPolicy: Sourced<SessionPolicy> | undefined;
  /** Of managed policies in the role's account, or AWS's own; each once. */
  readonly policyArns: readonly Sourced<string>[];
}

// IAM API reference, CreatePolicy: PolicyName up to 128, Path up to 512 characters between slashes.
const POLICY_ARN =
  /^arn:(aws|aws-cn|aws-us-gov):iam::(aws|\d{12}):policy\/(?:[\x21-\x2e\x30-\x7e]+\/)*[\w+=,.@-]{1,128}$/;
const MAX_POLICY_ARN_CHARACTERS = 700;
/** STS API reference, AssumeRole, PolicyArns. */
const MAX_POLICY_ARNS = 10;

/**
 * `--policy` and `--policy-arn`, checked as far as STS's documentation says what it refuses (AWS.md, 2).
 * @param role the policies must be in its account (STS API reference, PolicyArns)
 * @returns frozen
 * @throws AssumeMfaError USAGE, naming the option; CONFIG_MALFORMED, naming the policy's file and line
 */
export function resolveSessionPolicies(
  given: GivenPolicy | undefined,
  givenArns: readonly string[] | undefined,
  role: RoleArn,
): SessionPolicies {
  const sessionPolicy = given && parseGivenPolicy(given);
  const policyArns = [...new Set(givenArns)].map((arn) => checkPolicyArn(arn, role));
  const [first] = policyArns;
  if (first !== undefined) {
    const setting = { ...first, name: "--policy-arn" };
    if (policyArns.length > MAX_POLICY_ARNS) {
      throw refused(setting, `is given ${policyArns.length} times, and AWS takes ${MAX_POLICY_ARNS}`);
    }
    const characters = [sessionPolicy?.value.text ?? "", ...policyArns.map(({ value }) => value)].join("").length;
    if (characters > POLICY_SIZE_QUOTAS.session) {
      const name = sessionPolicy === undefined ? "--policy-arn" : "--policy and --policy-arn";
      throw refused(
        { ...setting, name },
        `must be ${POLICY_SIZE_QUOTAS.session} characters at most, all together: they are ${characters}`,
      );
    }
  }
  return Object.freeze({ sessionPolicy, policyArns: Object.freeze(policyArns) });
}

function parseGivenPolicy({ text, path }: GivenPolicy): Sourced<SessionPolicy> {
  const origin = Object.freeze({ kind: "option", option: "--policy" } as const);
  try {
    return sourced(parseSessionPolicy(text), origin);
  } catch (error) {
    if (!(error instanceof PolicySyntaxError)) throw error;
    const hint = path === undefined ? inlineHint(text) : undefined;
    if (path === undefined) {
      throw new AssumeMfaError("USAGE", `--policy is no policy that AWS takes: ${error.message}`, {
        hint,
        cause: error,
      });
    }
    const at = error.line === undefined ? path : `${path}:${error.line}`;
    throw new AssumeMfaError(
      "CONFIG_MALFORMED",
      `${at}: the policy of --policy is none that AWS takes: ${error.message}`,
      {
        hint: POLICY_HINT,
        cause: error,
        details: { path, ...(error.line === undefined ? {} : { line: error.line }) },
      },
    );
  }
}

/** People write the file's name alone, as other tools take it. */
function inlineHint(text: string): string {
  return /^\s*\{/.test(text) ? POLICY_HINT : "write the JSON itself in single quotes, or file://policy.json for a file";
}

function checkPolicyArn(arn: string, role: RoleArn): Sourced<string> {
  const setting = {
    value: arn,
    name: "--policy-arn",
    origin: Object.freeze({ kind: "option", option: "--policy-arn" } as const),
  };
  const [, partition, owner] = (arn.length <= MAX_POLICY_ARN_CHARACTERS && POLICY_ARN.exec(arn)) || [];
  if (partition === undefined || owner === undefined) {
    throw refused(setting, arn === "" ? "is empty" : "is no managed policy's ARN", {
      hint: `such an ARN looks like arn:${role.partition}:iam::aws:policy/ReadOnlyAccess or arn:${role.partition}:iam::${role.accountId}:policy/Name`,
    });
  }
  if (partition !== role.partition) {
    throw refused(setting, `is a policy of the partition ${partition}, and the role is in ${role.partition}`);
  }
  if (owner !== "aws" && owner !== role.accountId) {
    throw refused(setting, `is a policy of account ${owner}, and the role is in ${role.accountId}`, {
      hint: "AWS takes its own managed policies, and those of the role's account",
    });
  }
  return sourced(arn, setting.origin);
}
