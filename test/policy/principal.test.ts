import { describe, expect, it } from "vitest";
import { evaluateTrust } from "../../src/policy/evaluate.ts";
import { assumeRoleRequest, CHILD, PARENT, ROLE_SESSION, trustPolicy, USER } from "./build-policies.ts";

const ROOT = `arn:aws:iam::${PARENT}:root`;
const BOB = `arn:aws:iam::${PARENT}:user/bob`;

function match(principal: object, caller = USER) {
  return evaluateTrust(
    assumeRoleRequest({}, caller),
    trustPolicy({ Effect: "Allow", Action: "sts:AssumeRole", ...principal }),
  );
}

const allowed = (matchedPrincipal: string) => ({ verdict: "allowed", matchedPrincipal });
const NOBODY = { verdict: "implicitlyDenied", matchedPrincipal: undefined };

describe("Principal", () => {
  it.each<[principal: unknown, user: object, session: object]>([
    ["*", allowed("anyone"), allowed("anyone")],
    [{ AWS: "*" }, allowed("anyone"), allowed("anyone")],
    [{ AWS: PARENT }, allowed("account"), allowed("account")],
    [{ AWS: ROOT }, allowed("account"), allowed("account")],
    [{ AWS: `arn:aws:iam::${CHILD}:root` }, NOBODY, NOBODY],
    [{ AWS: USER.arn }, allowed("exact"), NOBODY],
    [{ AWS: `arn:aws:iam::${PARENT}:user/Ana` }, NOBODY, NOBODY],
    [{ AWS: `arn:aws:iam::${PARENT}:user/staff/ana` }, NOBODY, NOBODY],
    [{ AWS: ROLE_SESSION.arn }, NOBODY, allowed("exact")],
    // The role's own ARN has its path, the session's has not.
    [{ AWS: `arn:aws:iam::${PARENT}:role/deployer` }, NOBODY, NOBODY],
    [{ AWS: ROLE_SESSION.sessionArn }, NOBODY, allowed("session")],
    [{ AWS: `arn:aws:sts::${PARENT}:assumed-role/deployer/bob` }, NOBODY, NOBODY],
    [{ AWS: "AIDACKCEVSQ6C2EXAMPLE" }, NOBODY, NOBODY],
    [{ Service: "ec2.amazonaws.com" }, NOBODY, NOBODY],
    [{ Service: "*" }, NOBODY, NOBODY],
    [{ Federated: "*" }, NOBODY, NOBODY],
    [{ Service: "ec2.amazonaws.com", AWS: [CHILD, PARENT] }, allowed("account"), allowed("account")],
    // Of several, the one that fewer other policies limit.
    [{ AWS: [PARENT, USER.arn, ROLE_SESSION.arn] }, allowed("exact"), allowed("exact")],
    [{ AWS: [ROLE_SESSION.arn, "*"] }, allowed("anyone"), allowed("anyone")],
  ])("%j", (principal, user, session) => {
    expect(match({ Principal: principal })).toEqual(user);
    expect(match({ Principal: principal }, ROLE_SESSION)).toEqual(session);
  });

  it("names the strongest of the statements that allow", () => {
    const trust = trustPolicy(
      { Effect: "Allow", Principal: { AWS: PARENT }, Action: "sts:AssumeRole" },
      { Effect: "Allow", Principal: { AWS: USER.arn }, Action: "sts:AssumeRole" },
      { Effect: "Allow", Principal: "*", Action: "sts:TagSession" },
    );
    expect(evaluateTrust(assumeRoleRequest(), trust)).toEqual(allowed("exact"));
  });

  it("limits a Deny too: only the named are denied", () => {
    const trust = trustPolicy(
      { Effect: "Allow", Principal: { AWS: PARENT }, Action: "sts:AssumeRole" },
      { Effect: "Deny", Principal: { AWS: BOB }, Action: "sts:AssumeRole" },
    );
    expect(evaluateTrust(assumeRoleRequest(), trust)).toEqual(allowed("account"));
    expect(evaluateTrust(assumeRoleRequest({}, { ...USER, arn: BOB }), trust)).toEqual({
      verdict: "explicitlyDenied",
      matchedPrincipal: "exact",
    });
  });
});

describe("NotPrincipal", () => {
  it.each<[notPrincipal: unknown, expected: object]>([
    [{ AWS: BOB }, allowed("anyone")],
    [{ AWS: CHILD }, allowed("anyone")],
    [{ Service: "ec2.amazonaws.com" }, allowed("anyone")],
    [{ AWS: USER.arn }, NOBODY],
    [{ AWS: PARENT }, NOBODY],
    [{ AWS: [BOB, ROOT] }, NOBODY],
    ["*", NOBODY],
  ])("with Allow leaves out whom %j names in any way", (notPrincipal, expected) => {
    expect(match({ NotPrincipal: notPrincipal })).toEqual(expected);
  });

  it.each<[notPrincipal: unknown, userIsDenied: boolean, sessionIsDenied: boolean]>([
    [{ AWS: [ROOT, USER.arn] }, false, true],
    [{ AWS: [ROOT, ROLE_SESSION.arn, ROLE_SESSION.sessionArn] }, true, false],
    // One name missing: account, user, role or session.
    [{ AWS: USER.arn }, true, true],
    [{ AWS: ROOT }, true, true],
    [{ AWS: [ROOT, ROLE_SESSION.arn] }, true, true],
    [{ AWS: [ROLE_SESSION.arn, ROLE_SESSION.sessionArn] }, true, true],
    [{ AWS: [ROOT, BOB] }, true, true],
    [{ AWS: "*" }, false, false],
    ["*", false, false],
  ])("with Deny spares only whom %j names by all its names", (notPrincipal, userIsDenied, sessionIsDenied) => {
    const trust = trustPolicy(
      { Effect: "Allow", Principal: "*", Action: "sts:AssumeRole" },
      { Effect: "Deny", NotPrincipal: notPrincipal, Action: "sts:AssumeRole" },
    );
    const verdictOf = (caller: typeof USER) => evaluateTrust(assumeRoleRequest({}, caller), trust).verdict;
    expect(verdictOf(USER)).toBe(userIsDenied ? "explicitlyDenied" : "allowed");
    expect(verdictOf(ROLE_SESSION)).toBe(sessionIsDenied ? "explicitlyDenied" : "allowed");
  });
});
