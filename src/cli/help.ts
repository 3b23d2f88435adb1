import { ACTIONS, COMMANDS } from "./catalogue.ts";

/** The page of `assume-mfa --help`: also what stands in the README. */
export function formatHelp(): string {
  const line = (name: string, operands: string, summary: string) =>
    `  ${`${name} ${operands}`.trimEnd().padEnd(30)}${summary}`;
  return [
    "assume-mfa: assume AWS roles that demand MFA, and do privileged work with them",
    "",
    "  assume-mfa <target> <action> [operands] [options]   work in a child account",
    "  assume-mfa <command> [options]                      everything else",
    "",
    "A target is a profile with a role_arn in the AWS config file, or a role's ARN.",
    "The code: --token-code, mfa_process, a stored secret, ASSUME_MFA_TOTP_SECRET (CI), or the terminal.",
    "",
    "Actions:",
    ...ACTIONS.map(({ name, operands, summary }) => line(name, operands, summary)),
    "",
    "Commands:",
    ...COMMANDS.map(({ name, operands, summary }) => line(name, operands, summary)),
    "",
    "Before the target or command:",
    line("--target <name>", "", "the target, where its name is a command's too (--profile)"),
    line("--debug", "", "show the cause of an error, secrets masked"),
    line("--no-color", "", "no colours (NO_COLOR)"),
    line("-V, --version", "", "the version"),
    line("-h, --help", "", "this page; after an action or a command: its options"),
    "",
    "Try it without an AWS account: assume-mfa sandbox demo",
    "",
  ].join("\n");
}
