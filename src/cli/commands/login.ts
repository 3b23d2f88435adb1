import type { Command } from "commander";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { addSessionOptions, type SessionOptions } from "../options.ts";
import { formatExpiry } from "../phrases.ts";
import type { Services } from "../services.ts";
import { runOnTarget } from "../target-run.ts";

export function registerLogin(program: Command, services: Services, targetName: string): void {
  addSessionOptions(program.command("login").description("get and cache the role session")).action(
    async (options: SessionOptions) => {
      await runOnTarget(
        services,
        targetName,
        options,
        { needsRegion: false },
        async ({ services: inside, target, openSession }) => {
          const { accountId, assumedRoleArn, credentials, clockOffsetMs, isFromCache } = await openSession();
          const now = inside.host.now() + clockOffsetMs;
          const expiration = credentials.expiration ?? 0;
          const result = {
            role: target.role.value.arn,
            assumedRole: assumedRoleArn,
            expiration: new Date(expiration).toISOString(),
            secondsLeft: Math.max(0, Math.floor((expiration - now) / 1000)),
            cached: isFromCache,
          };
          return {
            result,
            print({ output, result: write, fields }) {
              if (output === "text") {
                write(formatTabSeparated([[target.name, accountId, assumedRoleArn, result.expiration]]));
                return;
              }
              fields([
                ["target", target.name],
                ["account", accountId],
                ["role", target.role.value.roleName],
                ["session", assumedRoleArn.slice(assumedRoleArn.lastIndexOf("/") + 1)],
                ["expires", `${formatExpiry(expiration, now)}${isFromCache ? " (cached)" : ""}`],
              ]);
            },
          };
        },
      );
    },
  );
}
