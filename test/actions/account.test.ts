import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAccount } from "../../src/actions/account.ts";
import type { ActionScope } from "../../src/actions/action.ts";
import type { ServiceId } from "../../src/target/target.ts";
import { type SandboxSession, startSandboxSession } from "../support/sandbox-session.ts";

let session: SandboxSession;

beforeAll(async () => {
  session = await startSandboxSession();
  session.account("dev").alias = "acme-dev";
  session.allow("dev", "iam:ListAccountAliases");
});

afterAll(() => session.close());

/** The same account, with endpoints as they are configured, and what was asked for. */
async function ask(endpoints: ActionScope["target"]["endpoints"], withAlias = true) {
  const scope = await session.scope("dev");
  const services: ServiceId[] = [];
  const clientSettings: ActionScope["clientSettings"] = (service, maxAttempts) => {
    services.push(service);
    return scope.clientSettings(service, maxAttempts);
  };
  const notes: string[] = [];
  const account = await readAccount(
    { ...scope, target: { ...scope.target, endpoints }, clientSettings },
    { withAlias, signal: new AbortController().signal },
    (text) => notes.push(text),
  );
  return { account, services: services.sort(), notes };
}

const at = (value: string) => ({ value, origin: { kind: "default", reason: "a test" } as const });

describe("the account of a scope", () => {
  it("is told by STS and IAM, once each", async () => {
    session.forget();
    expect(await ask({})).toEqual({
      account: { id: "222222222222", alias: "acme-dev" },
      services: ["iam", "sts"],
      notes: [],
    });
    const asked = session.operations().filter((operation) => operation !== "AssumeRole");
    expect(asked.sort()).toEqual(["GetCallerIdentity", "ListAccountAliases"]);
  });

  it.each([
    ["where STS is an emulator's and IAM would be AWS's", { sts: at("http://localhost:4566") }, true],
    ["where the session may not", {}, false],
  ])("has no alias asked for %s", async (_, endpoints, withAlias) => {
    const { account, services } = await ask(endpoints, withAlias);
    expect(account).toEqual({ id: "222222222222", alias: undefined });
    expect(services).toEqual(["sts"]);
  });

  it("has its alias asked of an emulator that has both", async () => {
    const endpoints = { sts: at("http://localhost:4566"), iam: at("http://localhost:4566") };
    expect((await ask(endpoints)).account.alias).toBe("acme-dev");
  });
});
