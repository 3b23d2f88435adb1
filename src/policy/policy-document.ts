import { type ConditionOperator, parseConditionOperator } from "./condition-operator.ts";
import { isJsonObject, type JsonObject, type JsonValue, parsePolicyJson } from "./policy-json.ts";
import { PolicySyntaxError } from "./policy-syntax-error.ts";

/** `identity`: also session policies and permissions boundaries. `trust`: a role's AssumeRolePolicyDocument. */
export type PolicyKind = "identity" | "trust";
export type PolicyVersion = "2008-10-17" | "2012-10-17";

/** A policy document that IAM would store. Texts are as written; meaning is given to them when they are evaluated. */
export interface PolicyDocument {
  readonly kind: PolicyKind;
  /** `2008-10-17` when the document names none, as IAM reads it. */
  readonly version: PolicyVersion;
  readonly id: string | undefined;
  readonly statements: readonly PolicyStatement[];
}

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

/** `Action`, `Resource`, or with `negated` `NotAction`, `NotResource`. */
export interface PatternElement {
  readonly negated: boolean;
  readonly patterns: readonly string[];
}

export interface PrincipalElement {
  readonly negated: boolean;
  readonly entries: readonly PrincipalEntry[];
}

/** `type: "*"` is the bare `"Principal": "*"`; its value is `*` too. */
export interface PrincipalEntry {
  readonly type: "*" | "AWS" | "Service" | "Federated" | "CanonicalUser";
  readonly value: string;
}

/** One key under one operator. */
export interface PolicyCondition {
  readonly operator: ConditionOperator;
  /** As written; key names know no case. */
  readonly key: string;
  /** Numbers and booleans as their JSON text. */
  readonly values: readonly string[];
}

/**
 * Reads a policy as strictly as IAM does: whatever IAM answers with MalformedPolicyDocument is refused.
 * Strict JSON; a repeated key is an error (policy grammar, notes).
 *
 * @throws PolicySyntaxError
 */
export function parsePolicyDocument(text: string, kind: PolicyKind): PolicyDocument {
  const root = parsePolicyJson(text);
  if (!isJsonObject(root)) throw new PolicySyntaxError("a policy is a JSON object");
  const version = root.get("Version") ?? "2008-10-17";
  if (version !== "2008-10-17" && version !== "2012-10-17") {
    throw new PolicySyntaxError('Version is "2012-10-17" or "2008-10-17"');
  }
  const id = root.get("Id");
  if (id !== undefined && typeof id !== "string") throw new PolicySyntaxError("Id is a string");
  const statement = root.get("Statement");
  if (statement === undefined) throw new PolicySyntaxError("a policy needs a Statement");
  const statements = Array.isArray(statement) ? statement : [statement];
  return { kind, version, id, statements: statements.map((each) => parseStatement(each, kind)) };
}

function parseStatement(value: JsonValue, kind: PolicyKind): PolicyStatement {
  if (!isJsonObject(value)) throw new PolicySyntaxError("a Statement is a JSON object");
  const effect = value.get("Effect");
  if (effect !== "Allow" && effect !== "Deny") throw new PolicySyntaxError('Effect is "Allow" or "Deny"');
  const sid = value.get("Sid");
  if (sid !== undefined && typeof sid !== "string") throw new PolicySyntaxError("Sid is a string");
  const action = parsePatterns(value, "Action");
  if (action === undefined) throw new PolicySyntaxError("a statement needs an Action");
  const resource = parsePatterns(value, "Resource");
  const principal = parsePrincipal(value);
  if (kind === "trust" && resource !== undefined) throw new PolicySyntaxError("Has prohibited field Resource");
  if (kind === "trust" && principal === undefined) throw new PolicySyntaxError("Missing required field Principal");
  if (kind === "identity" && resource === undefined)
    throw new PolicySyntaxError("Policy statement must contain resources.");
  if (kind === "identity" && principal !== undefined) {
    throw new PolicySyntaxError("Policy document should not specify a principal.");
  }
  return { sid, effect, principal, action, resource, conditions: parseConditions(value.get("Condition")) };
}

function parsePatterns(statement: JsonObject, name: "Action" | "Resource"): PatternElement | undefined {
  const plain = statement.get(name);
  const negated = statement.get(`Not${name}`);
  if (plain !== undefined && negated !== undefined)
    throw new PolicySyntaxError(`${name} and Not${name} exclude each other`);
  const value = plain ?? negated;
  if (value === undefined) return undefined;
  return { negated: plain === undefined, patterns: parseStrings(value, name) };
}

function parsePrincipal(statement: JsonObject): PrincipalElement | undefined {
  const plain = statement.get("Principal");
  const negatedValue = statement.get("NotPrincipal");
  const value = plain ?? negatedValue;
  if (value === undefined) return undefined;
  const negated = plain === undefined;
  if (value === "*") return { negated, entries: [{ type: "*", value: "*" }] };
  if (!isJsonObject(value)) throw new PolicySyntaxError('Principal is "*" or an object');
  const entries: PrincipalEntry[] = [];
  for (const [type, values] of value) {
    if (type !== "AWS" && type !== "Service" && type !== "Federated" && type !== "CanonicalUser") {
      throw new PolicySyntaxError(`Invalid principal in policy: "${type}"`);
    }
    for (const each of parseStrings(values, "Principal")) entries.push({ type, value: each });
  }
  return { negated, entries };
}

function parseConditions(value: JsonValue | undefined): readonly PolicyCondition[] {
  if (value === undefined) return [];
  if (!isJsonObject(value)) throw new PolicySyntaxError("Condition is an object");
  const conditions: PolicyCondition[] = [];
  for (const [operatorText, keys] of value) {
    const operator = parseConditionOperator(operatorText);
    if (operator === undefined) throw new PolicySyntaxError(`Invalid Condition type : ${operatorText}`);
    if (!isJsonObject(keys)) throw new PolicySyntaxError(`the condition ${operatorText} is an object of keys`);
    for (const [key, values] of keys) {
      const list = Array.isArray(values) ? values : [values];
      conditions.push({ operator, key, values: list.map(conditionText) });
    }
  }
  return conditions;
}

function conditionText(value: JsonValue): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (value !== null && "numberText" in value) return value.numberText;
  throw new PolicySyntaxError("a condition's value is a string, a number or a boolean");
}

function parseStrings(value: JsonValue, name: string): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((each) => {
    if (typeof each !== "string") throw new PolicySyntaxError(`${name} is a string or a list of strings`);
    return each;
  });
}
