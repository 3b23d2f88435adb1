import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import { formatFields } from "../../outputs/fields.ts";
import { formatJson } from "../../outputs/json.ts";
import { formatTabSeparated } from "../../outputs/tab-separated.ts";
import { parseGivenSecret } from "../../session/otpauth-uri.ts";
import type { StoredSecretKey } from "../../session/stored-secrets.ts";
import { visibleText } from "../../text/visible-text.ts";
import { addDeviceOptions, type DeviceOptions, resolveDevice } from "../named-device.ts";
import { addCommonOptions, type CommonOptions, mayAsk, resolveScreenOptions } from "../options.ts";
import { enterSandbox, showSandbox } from "../sandbox-mark.ts";
import { makeScreen, type Screen } from "../screen.ts";
import type { Services } from "../services.ts";
import { currentCode } from "./mfa-code.ts";

export function registerMfaStore(mfa: Command, services: Services): void {
  addCommonOptions(
    addDeviceOptions(
      mfa
        .command("store")
        .description("keep a virtual device's secret in the OS keychain, so that no code is asked for")
        .argument("[target]", "whose device: that of this target's sign-in")
        .option("--remove", "take it out of the keychain again"),
    ),
  ).action((targetName: string | undefined, options: StoreOptions) => runStore(services, targetName, options));
}

interface StoreOptions extends CommonOptions, DeviceOptions {
  readonly remove?: boolean;
}

/** A line longer than any secret and its URI is a mistake (a file), and is not read. */
const INPUT_LIMIT_BYTES = 4096;
const INPUT_HINT = "type it at the terminal, or give it on standard input: one line, base32 or otpauth://totp/…";
/** How often a line that is no secret is asked for again. */
const ASK_AGAIN_TIMES = 3;

async function runStore(outside: Services, targetName: string | undefined, options: StoreOptions): Promise<void> {
  const services = await enterSandbox(outside);
  const { host, payload, storedSecrets } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  showSandbox(services, screen);
  const device = resolveDevice(targetName, options, services);
  const { serial, place } = device;
  if (options.remove === true) return remove(device, screen, services);
  // Before anybody takes the pains to type a secret; and a dialog to unlock the keychain comes now, not over the prompt.
  const isReplaced = await storedSecrets.isKept(serial, place);
  const secret = await readSecret(device, options, screen, services);
  await storedSecrets.write(serial, place, secret);
  const { code, secondsLeft } = await currentCode(secret, host.now());
  if (screen.output === "json") {
    payload.write(formatJson({ serial, keptIn: "keychain", replaced: isReplaced, code, secondsLeft }));
  } else if (screen.output === "text") {
    payload.write(formatTabSeparated([[serial, "keychain", code, `${secondsLeft}`]]));
  } else {
    // Not through the host: the code is what is to be compared.
    const fields = [
      ["device", serial],
      ["kept in", `the keychain${isReplaced ? ", in place of the one before" : ""}`],
      ["shows now", `${code}, for ${secondsLeft} s`],
    ] as const;
    payload.write(formatFields(fields, screen.style));
  }
  screen.note("compare the code with the one that the device shows: another means another secret, or another clock");
  const warning =
    "from now on both factors can be had on this machine: whoever gets into your account on it while the keychain is " +
    "unlocked, and finds the access key, can sign in as you without your device";
  screen.line(`assume-mfa: ${screen.errorStyle.yellow("warning:")} ${warning}`);
}

async function remove({ serial, place }: StoredSecretKey, screen: Screen, services: Services): Promise<void> {
  const { storedSecrets, host } = services;
  const wasStored = storedSecrets.has(serial, place);
  // Also where no marker says so: the secret would outlive the folder of markers.
  const isGone = await storedSecrets.remove(serial, place);
  if (wasStored && !isGone) {
    throw new AssumeMfaError("NOT_FORGOTTEN", `the secret of ${serial} can't be taken out of the keychain`, {
      hint: 'unlock the keychain and try again, or remove "assume-mfa" with the keychain\'s own program',
    });
  }
  if (screen.output === "json") host.stdout.write(formatJson({ serial, removed: wasStored }));
  screen.note(wasStored ? `the secret of ${serial} is forgotten` : `no secret was stored for ${serial}`);
}

/** @throws AssumeMfaError TOTP_SECRET_MALFORMED; USAGE when none is given, or nobody can be asked */
async function readSecret(
  { serial }: StoredSecretKey,
  options: StoreOptions,
  screen: Screen,
  { host }: Services,
): Promise<string> {
  if (!host.isStdinTerminal) {
    const line = await readLine(host, screen);
    if (line !== undefined && line.trim() !== "") return parseGivenSecret(line);
  }
  const terminal = mayAsk(options, host.env) ? host.openTerminal() : undefined;
  if (terminal === undefined) {
    throw new AssumeMfaError("USAGE", `the secret of ${serial} is missing, and nobody can be asked`, {
      hint: INPUT_HINT,
    });
  }
  try {
    const question = `Secret of ${visibleText(serial)} (base32 or otpauth://…; not shown): `;
    for (let again = ASK_AGAIN_TIMES, refusal = ""; ; again -= 1) {
      const line = await terminal.askLine(question, {
        isHidden: true,
        label: "Secret",
        ...(refusal === "" ? {} : { refusal }),
      });
      if (line === undefined) {
        throw new AssumeMfaError("USAGE", "no secret was given, and nothing was stored", { hint: INPUT_HINT });
      }
      try {
        return parseGivenSecret(line);
      } catch (error) {
        if (!(error instanceof AssumeMfaError) || again === 0) throw error;
        refusal = visibleText(error.message);
      }
    }
  } finally {
    terminal.close();
  }
}

/** Whoever sees nothing for longer than this wonders. */
const PATIENCE_MS = 1_000;

async function readLine(host: Services["host"], screen: Screen): Promise<string | undefined> {
  const patience = setTimeout(() => screen.note("waiting for the secret on standard input"), PATIENCE_MS);
  try {
    return await host.readStdinLine(INPUT_LIMIT_BYTES);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new AssumeMfaError("TOTP_SECRET_MALFORMED", "the first line of standard input is too long for a secret", {
        hint: INPUT_HINT,
        cause: error,
      });
    }
    return undefined; // closed: somebody may be at the terminal all the same
  } finally {
    clearTimeout(patience);
  }
}
