import type { Command } from "commander";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import type { RoleSession } from "../../session/role-session.ts";
import type { Target } from "../../target/target.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { formatExpiry } from "../phrases.ts";
import { runOnTarget } from "../run-on-target.ts";
import type { Services } from "../services.ts";
import type { TargetOutcome } from "../target-run.ts";

/** `assume-mfa <target> login`: the role session of a target. */
export function registerTargetLogin(program: Command, services: Services, targetName: string): void {
  addSessionOptions(
    program
      .command("login")
      .description("get and cache the role session; with --shared it signs in for the day: the shared session is kept"),
  ).action(async (options: SessionOptions) => {
    const demand = { needsRegion: false, mayBeSeveral: true, keepsShared: true };
    await runOnTarget(services, targetName, options, demand, async ({ services: { host }, target, openSession }) =>
      toLoginOutcome(target, await openSession(), host.now()),
    );
  });
}

/** @param localNow milliseconds since 1970 by this machine's clock */
export function toLoginOutcome(target: Target, session: RoleSession, localNow: number): TargetOutcome {
  const { accountId, assumedRoleArn, credentials, clockOffsetMs, isFromCache } = session;
  const now = localNow + clockOffsetMs;
  const expiration = credentials.expiration ?? 0;
  const result = {
    role: target.role.value.arn,
    assumedRole: assumedRoleArn,
    expiration: new Date(expiration).toISOString(),
    secondsLeft: Math.max(0, Math.floor((expiration - now) / 1000)),
    cached: isFromCache,
  };
  const sessionName = assumedRoleArn.slice(assumedRoleArn.lastIndexOf("/") + 1);
  const expires = `${formatExpiry(expiration, now)}${isFromCache ? " (cached)" : ""}`;
  const { roleName } = target.role.value;
  return {
    result,
    listing: {
      columns: [
        { title: "account", shrink: false },
        { title: "role" },
        { title: "session", optional: true },
        { title: "expires", shrink: false },
      ],
      rows: [[accountId, roleName, sessionName, expires]],
      textRows: [[accountId, assumedRoleArn, result.expiration]],
    },
    print({ output, result: write, fields }) {
      if (output === "text") {
        write(formatTabSeparated([[target.name, accountId, assumedRoleArn, result.expiration]]));
        return;
      }
      fields([
        ["target", target.name],
        ["account", accountId],
        ["role", roleName],
        ["session", sessionName],
        ["expires", expires],
      ]);
    },
  };
}
