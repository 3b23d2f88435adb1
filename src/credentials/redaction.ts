/**
 * Every secret that this process has seen, so that no text for people holds one, whoever wrote it: AWS's errors can carry
 * a request's canonical string with its session token, and an endpoint can echo what it was sent (ACCEPTANCE.md T10, V5).
 * One register for the process: a secret stays one wherever it turns up.
 */
const secrets = new Set<string>();
const codes = new Set<string>();

/** Shorter texts would hide half of every message; AWS's secrets have forty characters and more. */
const SHORTEST_SECRET_CHARACTERS = 8;

export function rememberSecret(secret: string | undefined): void {
  if (secret !== undefined && secret.length >= SHORTEST_SECRET_CHARACTERS) secrets.add(secret);
}

/** @param code six digits: hidden where they stand alone, not inside a longer number such as an account id */
export function rememberTokenCode(code: string): void {
  codes.add(code);
}

/** @returns the text with every known secret replaced */
export function redact(text: string): string {
  let shown = text;
  // The longest first: of two that begin alike the longer one would keep its tail.
  const longestFirst = [...secrets].sort((one, other) => other.length - one.length);
  for (const secret of longestFirst) shown = shown.replaceAll(secret, "[secret]");
  for (const code of codes) {
    if (shown.includes(code))
      shown = shown.replace(new RegExp(`(?<![0-9A-Za-z])${code}(?![0-9A-Za-z])`, "g"), "[code]");
  }
  return shown;
}
