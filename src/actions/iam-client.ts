/**
 * The only file of this room that calls IAM, and only for the account's alias: a name for people, never needed. It is
 * sent once, and whatever goes wrong, there is no alias.
 */
import { IAMClient, ListAccountAliasesCommand } from "@aws-sdk/client-iam";
import { makeClientConfig } from "../aws/client-config.ts";
import type { ClientSettings } from "../aws/client-settings.ts";

/** @returns raw text; undefined where the account has none. @throws what the SDK throws */
export async function getAccountAlias(settings: ClientSettings, abortSignal: AbortSignal): Promise<string | undefined> {
  const client = new IAMClient(makeClientConfig(settings));
  try {
    const { AccountAliases } = await client.send(new ListAccountAliasesCommand({}), { abortSignal });
    return AccountAliases?.[0] || undefined;
  } finally {
    client.destroy();
  }
}
