import type { Command } from "commander";
import { AssumeMfaError } from "../../errors.ts";
import { formatJson } from "../../outputs/json.ts";
import { computeTokenCode, totpStepAt, untilNextStepMs } from "../../session/totp-secret.ts";
import { shownName } from "../../text/shown-name.ts";
import { addDeviceOptions, type DeviceOptions, resolveDevice } from "../named-device.ts";
import { addCommonOptions, type CommonOptions, resolveScreenOptions } from "../options.ts";
import { enterSandbox, showSandbox } from "../sandbox-mark.ts";
import { makeScreen } from "../screen.ts";
import type { Services } from "../services.ts";

export function registerMfaCode(mfa: Command, services: Services): void {
  addCommonOptions(
    addDeviceOptions(
      mfa
        .command("code")
        .description("the six digits that the device shows now, made from the secret that mfa store keeps")
        .argument("[target]", "whose device: that of this target's sign-in"),
    ),
  ).action((targetName: string | undefined, options: CodeOptions) => runCode(services, targetName, options));
}

type CodeOptions = CommonOptions & DeviceOptions;

/** The same on a terminal: whoever asks for a code wants to see it. */
async function runCode(outside: Services, targetName: string | undefined, options: CodeOptions): Promise<void> {
  const services = await enterSandbox(outside);
  const { host, payload, storedSecrets } = services;
  const screen = makeScreen(host, resolveScreenOptions(options, host.env));
  showSandbox(services, screen);
  const { serial, place } = resolveDevice(targetName, options, services);
  // Without the marker no keychain is opened: nothing was stored by this program.
  const secret = storedSecrets.has(serial, place) ? await storedSecrets.read(serial, place) : undefined;
  if (secret === undefined) {
    throw new AssumeMfaError("TOTP_SECRET_MISSING", `no secret is stored for the device ${serial}`, {
      hint: `assume-mfa mfa store --serial-number ${shownName(serial)}`,
    });
  }
  const { code, secondsLeft } = await currentCode(secret, host.now());
  payload.write(screen.output === "json" ? formatJson({ code, secondsLeft, serial }) : `${code}\n`);
}

/**
 * @param secret what `parseTotpSecret` returned
 * @param now milliseconds since 1970
 */
export async function currentCode(secret: string, now: number) {
  const code = await computeTokenCode(secret, totpStepAt(now));
  const secondsLeft = Math.ceil(untilNextStepMs(now) / 1000);
  return { code, secondsLeft };
}
