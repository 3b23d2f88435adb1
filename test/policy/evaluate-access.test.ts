import { describe, expect, it } from "vitest";
import { evaluateAccess, evaluateAssumeRole } from "../../src/policy/evaluate-access.ts";
import {
  assumeRoleRequest,
  CHILD_ROLE,
  identityPolicy,
  PARENT,
  PARENT_ROLE,
  ROLE_SESSION,
  terminateRequest,
  trustPolicy,
  USER,
} from "./build-policies.ts";

const ALLOW = identityPolicy({ Effect: "Allow", Action: ["sts:AssumeRole", "ec2:*"], Resource: "*" });
const ELSE = identityPolicy({ Effect: "Allow", Action: "s3:*", Resource: "*" });
const DENY = identityPolicy({ Effect: "Deny", Action: ["sts:AssumeRole", "ec2:*"], Resource: "*" });

const ALLOWED = { verdict: "allowed", deniedBy: undefined };
const implicitly = (deniedBy: string) => ({ verdict: "implicitlyDenied", deniedBy });
const explicitly = (deniedBy: string) => ({ verdict: "explicitlyDenied", deniedBy });

describe("evaluateAccess", () => {
  it.each<[string, Parameters<typeof evaluateAccess>[1], object]>([
    ["an identity policy alone", { identity: [ALLOW] }, ALLOWED],
    ["no policy", { identity: [] }, implicitly("identity")],
    ["one of several identity policies", { identity: [ELSE, ALLOW] }, ALLOWED],
    ["a boundary that allows", { identity: [ALLOW], boundary: ALLOW }, ALLOWED],
    ["a boundary that does not", { identity: [ALLOW], boundary: ELSE }, implicitly("boundary")],
    ["a boundary alone", { identity: [], boundary: ALLOW }, implicitly("identity")],
    ["session policies that allow", { identity: [ALLOW], session: [ELSE, ALLOW] }, ALLOWED],
    ["session policies that do not", { identity: [ALLOW], session: [ELSE] }, implicitly("session")],
    ["a session policy alone", { identity: [ELSE], session: [ALLOW] }, implicitly("identity")],
    ["a session that has no policies", { identity: [ALLOW], session: [] }, ALLOWED],
    ["a Deny in the identity policies", { identity: [ALLOW, DENY], boundary: ELSE }, explicitly("identity")],
    ["a Deny in the boundary", { identity: [ALLOW], boundary: DENY }, explicitly("boundary")],
    [
      "a Deny in a session policy, told before what is only not allowed",
      { identity: [], session: [ALLOW, DENY] },
      explicitly("session"),
    ],
  ])("%s", (_name, policies, expected) => {
    expect(evaluateAccess(terminateRequest(), policies)).toEqual(expected);
  });
});

const trustIn = (principal: unknown, effect = "Allow") =>
  trustPolicy({ Effect: effect, Principal: principal, Action: "sts:AssumeRole" });

describe("evaluateAssumeRole in another account", () => {
  it.each([
    ["the account", { AWS: PARENT }],
    ["the user", { AWS: USER.arn }],
    ["everyone", "*"],
  ])("takes both sides when the trust policy names %s", (_name, principal) => {
    const trust = trustIn(principal);
    const request = assumeRoleRequest({}, USER, CHILD_ROLE);
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW] })).toEqual(ALLOWED);
    expect(evaluateAssumeRole(request, { trust, identity: [] })).toEqual(implicitly("identity"));
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW], boundary: ELSE })).toEqual(implicitly("boundary"));
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW, DENY] })).toEqual(explicitly("identity"));
  });

  it("is no, whatever the caller may, when the trust policy names somebody else", () => {
    const request = assumeRoleRequest({}, USER, CHILD_ROLE);
    const trust = trustIn({ AWS: "333333333333" });
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW] })).toEqual(implicitly("resource"));
  });

  it("is limited by session policies when a role session assumes the next role", () => {
    const request = assumeRoleRequest({}, ROLE_SESSION, CHILD_ROLE);
    const trust = trustIn({ AWS: ROLE_SESSION.sessionArn });
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW], session: [ALLOW] })).toEqual(ALLOWED);
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW], session: [ELSE] })).toEqual(implicitly("session"));
    expect(evaluateAssumeRole(request, { trust, identity: [ELSE], session: [ALLOW] })).toEqual(implicitly("identity"));
  });
});

describe("evaluateAssumeRole in the role's own account", () => {
  // reference_policies_evaluation-logic_policy-eval-denyallow: what limits a grant depends on whom it names.
  it.each([
    ["the account", USER, { AWS: PARENT }, { identity: "needed", boundary: "limits", session: "none" }],
    ["the user", USER, { AWS: USER.arn }, { identity: "not needed", boundary: "does not limit", session: "none" }],
    ["everyone", USER, "*", { identity: "not needed", boundary: "does not limit", session: "none" }],
    [
      "the session's account",
      ROLE_SESSION,
      { AWS: PARENT },
      { identity: "needed", boundary: "limits", session: "limits" },
    ],
    [
      "the session's role",
      ROLE_SESSION,
      { AWS: ROLE_SESSION.arn },
      { identity: "not needed", boundary: "limits", session: "limits" },
    ],
    [
      "the session",
      ROLE_SESSION,
      { AWS: ROLE_SESSION.sessionArn },
      { identity: "not needed", boundary: "does not limit", session: "does not limit" },
    ],
    [
      "everyone, a session among them",
      ROLE_SESSION,
      "*",
      { identity: "not needed", boundary: "does not limit", session: "does not limit" },
    ],
  ])("a trust policy that names %s", (_name, caller, principal, expected) => {
    const trust = trustIn(principal);
    const request = assumeRoleRequest({}, caller, PARENT_ROLE);
    const isAllowed = (policies: Omit<Parameters<typeof evaluateAssumeRole>[1], "trust">) =>
      evaluateAssumeRole(request, { trust, ...policies }).verdict === "allowed";
    expect(isAllowed({ identity: [ALLOW] })).toBe(true);
    expect(isAllowed({ identity: [] })).toBe(expected.identity === "not needed");
    expect(isAllowed({ identity: [ALLOW], boundary: ELSE })).toBe(expected.boundary === "does not limit");
    if (expected.session !== "none") {
      expect(isAllowed({ identity: [ALLOW], session: [ELSE] })).toBe(expected.session === "does not limit");
      expect(isAllowed({ identity: [ALLOW], session: [ALLOW] })).toBe(true);
    }
    for (const denial of [
      { identity: [DENY] },
      { identity: [ALLOW], boundary: DENY },
      { identity: [ALLOW], session: [DENY] },
    ]) {
      expect(isAllowed(denial)).toBe(false);
    }
  });

  it("always needs a trust policy that allows", () => {
    const request = assumeRoleRequest({}, USER, PARENT_ROLE);
    const trust = trustIn({ Service: "ec2.amazonaws.com" });
    expect(evaluateAssumeRole(request, { trust, identity: [ALLOW] })).toEqual(implicitly("resource"));
  });

  it("tells the trust policy's Deny first", () => {
    const request = assumeRoleRequest({}, USER, PARENT_ROLE);
    const trust = trustIn({ AWS: USER.arn }, "Deny");
    expect(evaluateAssumeRole(request, { trust, identity: [DENY] })).toEqual(explicitly("resource"));
  });
});
