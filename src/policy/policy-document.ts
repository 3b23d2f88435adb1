import { asList, isJsonObject, parsePolicyJson } from "./policy-json.ts";
import { POLICY_SIZE_QUOTAS, policySizeCharacters, TRUST_SIZE_MAXIMUM } from "./policy-size.ts";
import { type PolicyKind, type PolicyStatement, parseStatement } from "./policy-statement.ts";
import { PolicySyntaxError, placeOf } from "./policy-syntax-error.ts";
import type { PolicyVersion } from "./policy-variables.ts";

export type {
  PatternElement,
  PolicyCondition,
  PolicyKind,
  PolicyStatement,
  PrincipalElement,
  PrincipalEntry,
} from "./policy-statement.ts";
export type { PolicyVersion } from "./policy-variables.ts";

/** A policy document that IAM would store. Texts are as written; meaning is given to them when they are evaluated. */
export interface PolicyDocument {
  readonly kind: PolicyKind;
  /** `2008-10-17` when the document names none, as IAM reads it. */
  readonly version: PolicyVersion;
  readonly id: string | undefined;
  readonly statements: readonly PolicyStatement[];
}

/** IAM API reference: the most that any call takes as a PolicyDocument, white space included. */
const MAX_DOCUMENT_CHARACTERS = 131_072;
// IAM API reference, PolicyDocument: tab, line feed, carriage return, U+0020 to U+00FF.
const FOREIGN_CHARACTER = /[^\t\n\r\u0020-\u00ff]/;

const AWS_MESSAGES = {
  identity: {
    json: "Syntax errors in policy.",
    version: "Syntax errors in policy.",
    statement: "Syntax errors in policy.",
    sidTwice: "Statement IDs (SID) in a single policy must be unique.",
  },
  trust: {
    json: "This policy contains invalid Json",
    version: "The policy must contain a valid version string",
    statement: "Could not parse the policy: Statement is empty!",
    sidTwice: "The Statement Ids in the policy are not unique",
  },
} as const;

/**
 * Reads a policy as strictly as IAM does: what IAM answers with MalformedPolicyDocument is refused, and so is what
 * is larger than its largest quota. Strict JSON, no key twice. A trust policy may still hold what IAM no longer stores
 * but what older roles have (see `new-policy.ts`).
 *
 * @throws PolicySyntaxError
 */
export function parsePolicyDocument(text: string, kind: PolicyKind): PolicyDocument {
  const aws = AWS_MESSAGES[kind];
  checkSizeAndCharacters(text, kind);
  const root = parsePolicyJson(text, aws.json);
  if (!isJsonObject(root)) throw new PolicySyntaxError("a policy is a JSON object", { awsMessage: aws.json });
  for (const name of root.keys()) {
    if (name !== "Version" && name !== "Id" && name !== "Statement") {
      throw new PolicySyntaxError(`a policy has no element "${name}"`, { awsMessage: aws.json });
    }
  }
  const version = root.has("Version") ? root.get("Version") : "2008-10-17";
  if (version !== "2008-10-17" && version !== "2012-10-17") {
    throw new PolicySyntaxError('Version is "2012-10-17" or "2008-10-17"', { awsMessage: aws.version });
  }
  const id = root.get("Id");
  if (id !== undefined && typeof id !== "string") {
    throw new PolicySyntaxError("Id is a string", { awsMessage: aws.json });
  }
  const statements = asList(root.get("Statement") ?? []).map((each, index) => parseStatement(each, kind, index + 1));
  if (statements.length === 0) throw new PolicySyntaxError("a policy needs a Statement", { awsMessage: aws.statement });
  checkSids(statements, aws.sidTwice);
  return { kind, version, id, statements };
}

function checkSizeAndCharacters(text: string, kind: PolicyKind): void {
  const quota = kind === "trust" ? TRUST_SIZE_MAXIMUM : POLICY_SIZE_QUOTAS.inlineRole;
  const awsMessage = kind === "trust" ? `Cannot exceed quota for ACLSizePerRole: ${quota}` : "Policy is too large.";
  if (text.length > MAX_DOCUMENT_CHARACTERS || policySizeCharacters(text) > quota) {
    throw new PolicySyntaxError(`a policy has at most ${quota} characters, white space not counted`, { awsMessage });
  }
  const offset = text.search(FOREIGN_CHARACTER);
  if (offset === -1) return;
  throw new PolicySyntaxError("a character that IAM does not take in a policy", {
    awsMessage: AWS_MESSAGES[kind].json,
    place: placeOf(text, offset),
  });
}

function checkSids(statements: readonly PolicyStatement[], awsMessage: string): void {
  const seen = new Set<string>();
  for (const { sid } of statements) {
    // An empty Sid names nothing and may stand in every statement.
    if (sid === undefined || sid === "") continue;
    if (seen.has(sid)) throw new PolicySyntaxError(`the Sid "${sid}" stands in two statements`, { awsMessage });
    seen.add(sid);
  }
}
