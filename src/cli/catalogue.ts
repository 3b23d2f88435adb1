import type { Command } from "commander";
import type { Services } from "./services.ts";

/** Where a command's exit code goes, when it has one of its own (`exec`, `sandbox run`: the child's). */
export type SetExitCode = (exitCode: number) => void;

export interface ActionEntry {
  readonly name: string;
  readonly operands: string;
  readonly summary: string;
  /** It can be on several targets at once as it stands, without a filter (CLI.md, "Actions", ∗). */
  readonly mayBeSeveral?: boolean;
  /** Each command's code is a chunk of its own: a run loads one. */
  load(): Promise<(program: Command, services: Services, targetName: string, setExitCode: SetExitCode) => void>;
}

export interface CommandEntry {
  readonly name: string;
  readonly operands: string;
  readonly summary: string;
  /** `<target> <name>` is this command for that target. */
  readonly isOfTarget?: boolean;
  /** `targetName`: what stands before the command's name, where it may. */
  load(): Promise<(program: Command, services: Services, setExitCode: SetExitCode, targetName?: string) => void>;
}

/** What can be done with a target, in the order of help and of the pick list. */
export const ACTIONS: readonly ActionEntry[] = [
  {
    name: "login",
    operands: "",
    summary: "get and cache the role session",
    mayBeSeveral: true,
    load: async () => (await import("./commands/target-login.ts")).registerTargetLogin,
  },
  {
    name: "whoami",
    operands: "",
    summary: "who the role session is",
    mayBeSeveral: true,
    load: async () => (await import("./commands/whoami.ts")).registerWhoami,
  },
  {
    name: "instances",
    operands: "[ids...]",
    summary: "list EC2 instances",
    mayBeSeveral: true,
    load: async () => (await import("./commands/instances.ts")).registerInstances,
  },
  {
    name: "terminate",
    operands: "[ids...]",
    summary: "terminate EC2 instances",
    load: async () => (await import("./commands/change-instances.ts")).registerTerminate,
  },
  {
    name: "stop",
    operands: "[ids...]",
    summary: "stop EC2 instances",
    load: async () => (await import("./commands/change-instances.ts")).registerStop,
  },
  {
    name: "start",
    operands: "[ids...]",
    summary: "start EC2 instances",
    load: async () => (await import("./commands/change-instances.ts")).registerStart,
  },
  {
    name: "reboot",
    operands: "[ids...]",
    summary: "reboot EC2 instances",
    load: async () => (await import("./commands/change-instances.ts")).registerReboot,
  },
  {
    name: "tables",
    operands: "",
    summary: "list DynamoDB tables",
    mayBeSeveral: true,
    load: async () => (await import("./commands/tables.ts")).registerTables,
  },
  {
    name: "table",
    operands: "<name>",
    summary: "describe a DynamoDB table",
    load: async () => (await import("./commands/tables.ts")).registerTable,
  },
  {
    name: "delete-table",
    operands: "[names...]",
    summary: "delete DynamoDB tables",
    load: async () => (await import("./commands/delete-table.ts")).registerDeleteTable,
  },
  {
    name: "export",
    operands: "",
    summary: "credentials as text, for eval",
    load: async () => (await import("./commands/export.ts")).registerExport,
  },
  {
    name: "credential-process",
    operands: "",
    summary: "the JSON of credential_process, for the AWS CLI and every SDK",
    load: async () => (await import("./commands/credential-process.ts")).registerCredentialProcess,
  },
  {
    name: "exec",
    operands: "<command> [args...]",
    summary: "run a program with the credentials",
    load: async () => (await import("./commands/exec.ts")).registerExec,
  },
  {
    name: "shell",
    operands: "",
    summary: "a shell with the credentials, marked in its prompt",
    load: async () => (await import("./commands/shell.ts")).registerShell,
  },
];

/** What needs no target. These names win over a profile of the same name. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "login",
    operands: "[targets...]",
    summary: "sign in for the day: one code for every target",
    load: async () => (await import("./commands/login.ts")).registerLogin,
  },
  {
    name: "targets",
    operands: "",
    summary: "the profiles with a role, and which have a live session",
    load: async () => (await import("./commands/targets.ts")).registerTargets,
  },
  {
    name: "status",
    operands: "[targets...]",
    summary: "which sessions are cached, and for how long",
    isOfTarget: true,
    load: async () => (await import("./commands/status.ts")).registerStatus,
  },
  {
    name: "logout",
    operands: "[targets...]",
    summary: "forget cached sessions; --all: everything that is kept",
    isOfTarget: true,
    load: async () => (await import("./commands/logout.ts")).registerLogout,
  },
  {
    name: "history",
    operands: "",
    summary: "sessions and privileged actions from this machine, chained",
    load: async () => (await import("./commands/history.ts")).registerHistory,
  },
  {
    name: "mfa",
    operands: "<command>",
    summary: "your own MFA device: keep its secret in the keychain, print its code",
    load: async () => (await import("./commands/mfa.ts")).registerMfa,
  },
  {
    name: "sandbox",
    operands: "<command>",
    summary: "an AWS of one's own on this machine, to try all of it",
    load: async () => (await import("./commands/sandbox.ts")).registerSandbox,
  },
];
