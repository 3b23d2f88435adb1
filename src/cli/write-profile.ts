import { AssumeMfaError } from "../errors.ts";
import type { HeldLock } from "../host/lock.ts";
import { toVariableChanges } from "../outputs/export-variables.ts";
import { inputsDigest } from "../session/session-inputs.ts";
import type { AwsConfig } from "../target/aws-config.ts";
import { changeCredentialsFile, checkCredentialsFile, readCredentialsFile } from "../target/credentials-file.ts";
import {
  checkSection,
  checkSectionName,
  type SectionValues,
  setSection,
  unsetSection,
} from "../target/edit-credentials-section.ts";
import { visibleText } from "../text/visible-text.ts";
import { formatExpiry } from "./phrases.ts";
import type { Screen } from "./screen.ts";
import type { Services } from "./services.ts";
import type { TargetOutcome, TargetRun } from "./target-run.ts";

/** The section's keys and the variables of `export` that have the same values. */
const KEYS: readonly (readonly [key: string, variable: string])[] = [
  ["aws_access_key_id", "AWS_ACCESS_KEY_ID"],
  ["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"],
  ["aws_session_token", "AWS_SESSION_TOKEN"],
  // botocore looks at the old name of the token first.
  ["aws_security_token", "AWS_SECURITY_TOKEN"],
  ["aws_credential_expiration", "AWS_CREDENTIAL_EXPIRATION"],
  ["region", "AWS_REGION"],
];
const SECRET_KEYS: ReadonlySet<string> = new Set(["aws_secret_access_key", "aws_session_token"]);

/** Of the config file: with these the AWS CLI passes over the keys, or the profile means something else. */
const OTHER_SOURCES = ["role_arn", "sso_session", "sso_start_url", "web_identity_token_file"];

/** `export --write-profile`: the credentials file, and a section of it. */
export interface ProfileFile {
  readonly path: string;
  readonly profile: string;
}

/**
 * All that can be known before a code is asked for.
 * @throws AssumeMfaError USAGE, PROFILE_TAKEN, CONFIG_UNREADABLE, CONFIG_MALFORMED, CONFIG_UNWRITABLE
 */
export function openProfileFile(profile: string, config: AwsConfig): ProfileFile {
  checkSectionName(profile);
  const path = config.credentialsPath;
  if (path.startsWith("~")) {
    throw new AssumeMfaError("CONFIG_UNWRITABLE", `there is no home folder for ${path}`, {
      hint: "set HOME, or AWS_SHARED_CREDENTIALS_FILE to the file that is to be written",
    });
  }
  checkSection(readCredentialsFile(path), path, profile);
  checkCredentialsFile(path);
  for (const key of OTHER_SOURCES) {
    const other = config.profile(profile)?.get(key);
    if (other === undefined) continue;
    throw new AssumeMfaError("PROFILE_TAKEN", `${other.path}:${other.line}: the profile "${profile}" has ${key}`, {
      hint: "take another name: what is written beside it would not be used, or would stand in its way",
    });
  }
  return { path, profile };
}

/** Writes the run's session there. @throws AssumeMfaError as {@link openProfileFile}, and for the session */
export async function writeProfile({ path, profile }: ProfileFile, run: TargetRun): Promise<TargetOutcome> {
  const { services, target, screen, openSession } = run;
  const session = await openSession();
  const { credentials, clockOffsetMs } = session;
  const region = target.region?.value;
  const changes = new Map(toVariableChanges({ credentials, region }).map(({ name, value }) => [name, value]));
  const values = KEYS.filter(([, variable]) => changes.has(variable)).map(
    ([key, variable]) => [key, changes.get(variable)] as const,
  );
  showChange(path, profile, values, screen);
  const { isOpenToOthers } = await changeInTurn(path, services, (text) => setSection(text, path, profile, values));
  services.exported.write(credentials, { targetName: target.name, region });
  if (isOpenToOthers) {
    const warning = `others than you may read ${visibleText(path)}: chmod 600 would end that`;
    screen.line(`assume-mfa: ${screen.errorStyle.yellow("warning:")} ${warning}`);
  }
  const expiration = credentials.expiration ?? 0;
  const now = services.host.now() + clockOffsetMs;
  const fields = [
    ["profile", profile],
    ["written to", path],
    ["account", session.accountId],
    ["expires", formatExpiry(expiration, now)],
  ] as const;
  return {
    result: {
      profile,
      path,
      expiration: new Date(expiration).toISOString(),
      secondsLeft: Math.max(0, Math.floor((expiration - now) / 1000)),
    },
    print: () => screen.fields(fields),
  };
}

/** `--unset --write-profile`: takes the keys out again. @returns false when there was no such section */
export async function removeProfile({ path, profile }: ProfileFile, services: Services): Promise<boolean> {
  let isThere = false;
  const keys = KEYS.map(([key]) => key);
  await changeInTurn(path, services, (text) => {
    const after = unsetSection(text, path, profile, keys);
    isThere = after !== undefined;
    return after;
  });
  return isThere;
}

function showChange(path: string, profile: string, values: SectionValues, screen: Screen): void {
  screen.note(`${path}: [${profile}] is to say`);
  for (const [key, value] of values) {
    if (value !== undefined) screen.note(`  ${key} = ${SECRET_KEYS.has(key) ? "(secret)" : value}`);
  }
}

/** Writing takes milliseconds: whoever holds the lock longer has stopped. */
const PATIENCE_MS = 10_000;
const POLL_MS = 20;

async function changeInTurn(path: string, { locks, host }: Services, edit: (text: string) => string | undefined) {
  const held = await takeLock(`credentials-file-${inputsDigest(path)}`, locks, host);
  try {
    return changeCredentialsFile(path, edit);
  } finally {
    held?.release();
  }
}

/** @returns undefined where nothing can be locked: whether somebody else changed the file is looked at in any case */
async function takeLock(name: string, locks: Services["locks"], host: Services["host"]): Promise<HeldLock | undefined> {
  for (let waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
    try {
      const held = locks.tryAcquire(name);
      if ("release" in held) return held;
    } catch {
      return undefined;
    }
    await host.sleep(POLL_MS, host.interrupts.signal);
  }
  return undefined;
}
