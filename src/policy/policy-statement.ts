import { type ConditionOperator, parseConditionOperator } from "./condition-operator.ts";
import { isPolicyValue } from "./condition-values.ts";
import { asList, isJsonObject, type JsonObject, type JsonValue } from "./policy-json.ts";
import { PolicySyntaxError } from "./policy-syntax-error.ts";
import { resourceFault } from "./resource-fault.ts";

/** `identity`: also session policies and permissions boundaries. `trust`: a role's AssumeRolePolicyDocument. */
export type PolicyKind = "identity" | "trust";

export interface PolicyStatement {
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  /** Undefined in every identity policy, defined in every trust policy. */
  readonly principal: PrincipalElement | undefined;
  readonly action: PatternElement;
  /** Undefined in every trust policy: the role itself is the resource. */
  readonly resource: PatternElement | undefined;
  /** All must hold. */
  readonly conditions: readonly PolicyCondition[];
}

/** `Action`, `Resource`; with `negated` `NotAction`, `NotResource`. */
export interface PatternElement {
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

/** `Principal`; with `negated` `NotPrincipal`. */
export interface PrincipalElement {
  readonly negated: boolean;
  readonly entries: readonly PrincipalEntry[];
}

/** `type: "*"` is the bare `"Principal": "*"`, and its value is `*` too. */
export interface PrincipalEntry {
  readonly type: "*" | "AWS" | "Service" | "Federated";
  readonly value: string;
}

/** One key under one operator. */
export interface PolicyCondition {
  readonly operator: ConditionOperator;
  /** As written; key names know no case. */
  readonly key: string;
  /** Alternatives. Numbers and booleans as their JSON text: `true` and `"true"` are the same to IAM. */
  readonly values: readonly string[];
}

type Fault = (message: string, awsMessage?: string) => PolicySyntaxError;

const ELEMENTS = [
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
];
const NO_VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const LEGACY = "The policy failed legacy parsing";

const PARTITION = "arn:aws[a-z-]*";
/** An account, a user, a role, a session; or the unique id that is left of a user or role that was deleted. */
const AWS_PRINCIPAL = new RegExp(
  `^(?:\\*|\\d{12}|A[A-Z0-9]{15,127}|${PARTITION}:iam::\\d{12}:(?:root|(?:user|role)/[^*?\\s]+)` +
    `|${PARTITION}:sts::\\d{12}:(?:assumed-role/[^*?\\s/]+/[^*?\\s/]+|federated-user/[^*?\\s]+))$`,
);

/**
 * @param number the statement's place in its document, from 1, for messages
 * @throws PolicySyntaxError
 */
export function parseStatement(value: JsonValue, kind: PolicyKind, number: number): PolicyStatement {
  const fault: Fault = (
    message,
    awsMessage = kind === "trust" ? "Syntax error in policy." : "Syntax errors in policy.",
  ) => new PolicySyntaxError(`statement ${number}: ${message}`, { awsMessage });
  if (!isJsonObject(value)) throw fault("a statement is a JSON object");
  for (const name of value.keys()) if (!ELEMENTS.includes(name)) throw fault(`a statement has no element "${name}"`);
  return {
    sid: parseSid(value.get("Sid"), kind, fault),
    effect: parseEffect(value.get("Effect"), kind, fault),
    principal: parsePrincipal(value, kind, fault),
    conditions: parseConditions(value.get("Condition"), fault),
    action: parseAction(value, kind, fault),
    resource: parseResource(value, kind, fault),
  };
}

function parseSid(value: JsonValue | undefined, kind: PolicyKind, fault: Fault): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw fault("Sid is a string");
  if (kind === "identity" && !/^[0-9A-Za-z]*$/.test(value)) {
    throw fault(
      "Sid is made of letters and digits only",
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
  }
  return value;
}

function parseEffect(value: JsonValue | undefined, kind: PolicyKind, fault: Fault): "Allow" | "Deny" {
  if (value === "Allow" || value === "Deny") return value;
  const message = 'Effect is "Allow" or "Deny"';
  if (kind === "trust" && value === undefined) throw fault(message, "Missing required field Effect");
  if (typeof value !== "string") throw fault(message);
  if (kind === "trust") throw fault(message, `Invalid effect: ${value}`);
  throw /^(?:allow|deny)$/i.test(value) ? fault(message, LEGACY) : fault(message);
}

function parsePrincipal(statement: JsonObject, kind: PolicyKind, fault: Fault): PrincipalElement | undefined {
  const element = onlyOneOf(statement, "Principal", "NotPrincipal", fault);
  if (kind === "identity") {
    if (element === undefined) return undefined;
    throw fault("only a trust policy has a Principal", "Policy document should not specify a principal.");
  }
  if (element === undefined) throw fault("a trust policy needs a Principal", "Missing required field Principal");
  const { negated, value } = element;
  if (value === "*") return { negated, entries: [{ type: "*", value: "*" }] };
  if (!isJsonObject(value)) throw fault('Principal is "*" or an object', "Principal must be a JSON object.");
  const entries = [...value].flatMap(([type, values]) => parsePrincipalEntries(type, values, fault));
  if (entries.length > 0) return { negated, entries };
  throw fault("Principal is empty", "Missing required field Principal cannot be empty!");
}

function parsePrincipalEntries(type: string, values: JsonValue, fault: Fault): readonly PrincipalEntry[] {
  // CanonicalUser is for S3 only.
  if (type !== "AWS" && type !== "Service" && type !== "Federated") {
    throw fault(`a Principal is AWS, Service or Federated, not "${type}"`, `Invalid principal in policy: "${type}"`);
  }
  return parseStrings(values, "Principal", fault).map((value) => {
    if (type === "AWS" ? AWS_PRINCIPAL.test(value) : value !== "") return { type, value };
    throw fault(
      `"${value}" is no ${type === "AWS" ? "account, user, role or role session" : type} that can be a principal`,
      `Invalid principal in policy: "${type === "AWS" ? type : type.toUpperCase()}":"${value}"`,
    );
  });
}

function parseAction(statement: JsonObject, kind: PolicyKind, fault: Fault): PatternElement {
  const element = onlyOneOf(statement, "Action", "NotAction", fault);
  const patterns = element === undefined ? [] : parseStrings(element.value, "Action", fault);
  if (element === undefined || patterns.length === 0) {
    const awsMessage = kind === "trust" ? "Missing required field Action" : "Policy statement must contain actions.";
    throw fault("a statement needs an Action", awsMessage);
  }
  for (const pattern of patterns) checkAction(pattern, kind, fault);
  return { negated: element.negated, patterns };
}

function checkAction(pattern: string, kind: PolicyKind, fault: Fault): void {
  if (kind === "trust" && !/^sts:/i.test(pattern)) {
    throw fault(
      `a trust policy is about sts: actions only, not "${pattern}"`,
      "AssumeRole policy may only specify STS AssumeRole actions.",
    );
  }
  if (pattern === "*") return;
  const [vendor = "", name, ...rest] = pattern.split(":");
  if (name === undefined)
    throw fault(`the action "${pattern}" has no service in front, as in ec2:${pattern}`, NO_VENDOR);
  if (rest.length > 0)
    throw fault(`the action "${pattern}" has two colons`, "Actions/Condition can contain only one colon.");
  if (!/^[0-9A-Za-z._-]+$/.test(vendor)) {
    throw fault(`the action "${pattern}" begins with no service's name`, `Vendor ${vendor} is not valid`);
  }
}

function parseResource(statement: JsonObject, kind: PolicyKind, fault: Fault): PatternElement | undefined {
  const element = onlyOneOf(statement, "Resource", "NotResource", fault);
  if (kind === "trust") {
    if (element === undefined) return undefined;
    const awsMessage = element.negated
      ? "AssumeRole policy must not contain resources."
      : "Has prohibited field Resource";
    throw fault("a trust policy has no Resource: it is about its own role", awsMessage);
  }
  const patterns = element === undefined ? [] : parseStrings(element.value, "Resource", fault);
  if (element === undefined || patterns.length === 0) {
    throw fault("a statement needs a Resource", "Policy statement must contain resources.");
  }
  for (const pattern of patterns) {
    const awsMessage = resourceFault(pattern);
    if (awsMessage !== undefined) throw fault(awsMessage.replace(/\.$/, ""), awsMessage);
  }
  return { negated: element.negated, patterns };
}

function parseConditions(value: JsonValue | undefined, fault: Fault): readonly PolicyCondition[] {
  if (value === undefined) return [];
  if (!isJsonObject(value)) throw fault("Condition is an object of operators");
  const conditions: PolicyCondition[] = [];
  for (const [operatorText, keys] of value) {
    if (!isJsonObject(keys)) throw fault(`the condition ${operatorText} is an object of condition keys`);
    // IAM does not look at the name of an operator that has no keys.
    if (keys.size === 0) continue;
    const operator = parseConditionOperator(operatorText);
    if (operator === undefined) throw fault(`there is no condition operator "${operatorText}"`);
    for (const [key, keyValue] of keys) {
      const values = asList(keyValue).map((each) => conditionText(each, fault));
      const misfit = values.find((each) => !isPolicyValue(operator, each));
      if (misfit !== undefined) throw fault(`"${misfit}" is no value for ${operatorText}`, LEGACY);
      conditions.push({ operator, key, values });
    }
  }
  return conditions;
}

function conditionText(value: JsonValue, fault: Fault): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (value !== null && "numberText" in value) return value.numberText;
  throw fault("a condition's value is a string, a number or a boolean, or a list of them");
}

function onlyOneOf(
  statement: JsonObject,
  name: string,
  negatedName: string,
  fault: Fault,
): { readonly negated: boolean; readonly value: JsonValue } | undefined {
  const value = statement.get(name);
  const negatedValue = statement.get(negatedName);
  if (value !== undefined && negatedValue !== undefined) throw fault(`${name} and ${negatedName} exclude each other`);
  if (value !== undefined) return { negated: false, value };
  return negatedValue === undefined ? undefined : { negated: true, value: negatedValue };
}

function parseStrings(value: JsonValue, name: string, fault: Fault): readonly string[] {
  return asList(value).map((each) => {
    if (typeof each !== "string") throw fault(`${name} is a string or a list of strings`);
    return each;
  });
}
