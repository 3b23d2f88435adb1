import { join } from "node:path";
import {
  ADMINISTRATOR_ROLE_NAME,
  ALICE_DEVICE_SERIAL,
  CHILD_ACCOUNTS,
  FOUNDING_REGION,
  PARENT_ACCOUNT_ID,
  PRIVILEGED_ROLE_NAME,
} from "./founding-world.ts";
import { openMarkedFolder, openOwnFolder, writeOwnFile } from "./own-folder.ts";
import type { Sandbox } from "./sandbox.ts";

/** The variables of a program inside (CLI.md, "Sandbox"). */
export interface SandboxEnvironment {
  readonly AWS_CONFIG_FILE: string;
  readonly AWS_SHARED_CREDENTIALS_FILE: string;
  readonly AWS_ENDPOINT_URL: string;
  readonly AWS_EC2_METADATA_DISABLED: string;
  readonly ASSUME_MFA_SANDBOX: string;
  readonly XDG_CACHE_HOME: string;
  readonly XDG_CONFIG_HOME: string;
  readonly XDG_DATA_HOME: string;
  readonly XDG_STATE_HOME: string;
}

/**
 * The AWS config and credentials files of a sandbox, in a folder that is new, empty or an earlier run's, and folders of
 * its own for all else that a program inside writes.
 * @param folder an absolute path; made when it is not there
 * @throws AssumeMfaError SANDBOX_FAILED for a folder that is not a sandbox's; the system's error when it can't be written
 */
export function writeSandboxHome(sandbox: Pick<Sandbox, "endpoint" | "world">, folder: string): SandboxEnvironment {
  openMarkedFolder(folder);
  const folderOf = (name: string): string => {
    const path = join(folder, name);
    openOwnFolder(path, () => true);
    return path;
  };
  const configFile = join(folder, "config");
  const credentialsFile = join(folder, "credentials");
  writeOwnFile(configFile, formatConfig());
  writeOwnFile(credentialsFile, formatCredentials(sandbox));
  return {
    AWS_CONFIG_FILE: configFile,
    AWS_SHARED_CREDENTIALS_FILE: credentialsFile,
    AWS_ENDPOINT_URL: sandbox.endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    ASSUME_MFA_SANDBOX: sandbox.endpoint,
    XDG_CACHE_HOME: folderOf("cache"),
    XDG_CONFIG_HOME: folderOf("xdg-config"),
    XDG_DATA_HOME: folderOf("data"),
    XDG_STATE_HOME: folderOf("state"),
  };
}

function formatSection(name: string, entries: Readonly<Record<string, string>>): string {
  const lines = Object.entries(entries).map(([key, value]) => `${key} = ${value}\n`);
  return `[${name}]\n${lines.join("")}\n`;
}

function formatConfig(): string {
  const role = (accountId: string, roleName: string) => ({
    role_arn: `arn:aws:iam::${accountId}:role/${roleName}`,
    source_profile: "parent",
    mfa_serial: ALICE_DEVICE_SERIAL,
    region: FOUNDING_REGION,
  });
  return [
    formatSection("profile parent", { region: FOUNDING_REGION, mfa_serial: ALICE_DEVICE_SERIAL }),
    formatSection("profile bob", { region: FOUNDING_REGION }),
    ...CHILD_ACCOUNTS.map(({ id, name }) => formatSection(`profile ${name}`, role(id, PRIVILEGED_ROLE_NAME))),
    formatSection("profile parent-admin", role(PARENT_ACCOUNT_ID, ADMINISTRATOR_ROLE_NAME)),
    formatSection("profile dev-admin", role(CHILD_ACCOUNTS[0].id, ADMINISTRATOR_ROLE_NAME)),
  ].join("");
}

function formatCredentials({ world }: Pick<Sandbox, "world">): string {
  const users = world.accounts.get(PARENT_ACCOUNT_ID)?.users;
  return (
    [
      ["parent", "alice"],
      ["bob", "bob"],
    ] as const
  )
    .flatMap(([profile, userName]) => {
      const key = users?.get(userName)?.accessKeys.find(({ status }) => status === "Active");
      if (key === undefined) return [];
      return formatSection(profile, {
        aws_access_key_id: key.accessKeyId,
        aws_secret_access_key: key.secretAccessKey,
      });
    })
    .join("");
}
