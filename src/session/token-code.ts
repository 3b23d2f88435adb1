import { rememberTokenCode } from "../credentials/redaction.ts";
import { AssumeMfaError } from "../errors.ts";
import type { Host } from "../host/host.ts";

/** An option's or a line's worth of digits is short; more is a mistake (a key, a file) and is not read. */
const CODE_INPUT_LIMIT_BYTES = 256;

/**
 * Six digits out of what a person typed or pasted: blanks between the digits, full-width digits and the marks of a
 * bracketed paste are accepted (ACCEPTANCE.md M7).
 * @returns undefined when it is no token code. AssumeRole takes exactly six digits (AWS.md, 2).
 */
export function parseTokenCode(text: string): string | undefined {
  if (text.length > CODE_INPUT_LIMIT_BYTES) return undefined;
  const plain = text.replaceAll("\x1b[200~", "").replaceAll("\x1b[201~", "").normalize("NFKC").replace(/\s/g, "");
  return /^[0-9]{6}$/.test(plain) ? plain : undefined;
}

/** A code that was given and not typed at our prompt. */
export interface GivenTokenCode {
  readonly code: string;
  /** Where it came from, for messages: `--token-code`, `ASSUME_MFA_TOKEN_CODE`, `standard input`. */
  readonly from: string;
}

/**
 * The code that stands on the command line or in the environment, checked before any call.
 * @param option the value of `--token-code`; `-` reads one line of standard input, and not a byte more
 * @returns undefined when none was given
 * @throws AssumeMfaError TOKEN_CODE_MALFORMED, TOKEN_CODE_MISSING (an empty standard input); never repeats the value
 */
export async function readGivenTokenCode(
  host: Pick<Host, "env" | "readStdinLine">,
  option: string | undefined,
): Promise<GivenTokenCode | undefined> {
  if (option === "-") return remembered(await readCodeFromStdin(host), "standard input");
  const from = option === undefined ? "ASSUME_MFA_TOKEN_CODE" : "--token-code";
  // An environment variable set to nothing is not set, as everywhere in the AWS tools; an empty option is a mistake.
  const text = option ?? (host.env.ASSUME_MFA_TOKEN_CODE || undefined);
  if (text === undefined) return undefined;
  const code = parseTokenCode(text);
  if (code === undefined) throw malformedCode(from);
  return remembered(code, from);
}

function remembered(code: string, from: string): GivenTokenCode {
  rememberTokenCode(code);
  return { code, from };
}

async function readCodeFromStdin(host: Pick<Host, "readStdinLine">): Promise<string> {
  let line: string | undefined;
  try {
    line = await host.readStdinLine(CODE_INPUT_LIMIT_BYTES);
  } catch (error) {
    if (error instanceof RangeError) throw malformedCode("standard input", error);
    throw new AssumeMfaError("TOKEN_CODE_MISSING", "standard input can't be read", {
      hint: "with --token-code - the code is the first line of standard input",
      cause: error,
    });
  }
  if (line === undefined) {
    throw new AssumeMfaError("TOKEN_CODE_MISSING", "standard input ended before a token code", {
      hint: "with --token-code - the code is the first line of standard input",
    });
  }
  const code = parseTokenCode(line);
  if (code === undefined) throw malformedCode("standard input");
  return code;
}

function malformedCode(from: string, cause?: unknown): AssumeMfaError {
  return new AssumeMfaError("TOKEN_CODE_MALFORMED", `the token code from ${from} is not six digits`, {
    hint: "give the six digits that the device shows now",
    cause,
  });
}
