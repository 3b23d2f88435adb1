/**
 * Every secret that this process has seen, so that no text for people holds one, whoever wrote it: AWS's errors can carry
 * a request's canonical string with its session token, and an endpoint can echo what it was sent (ACCEPTANCE.md T10, V5).
 * One register for the process: a secret stays one wherever it turns up.
 */
const secrets = new Set<string>();
const codes = new Set<string>();

/**
 * Shorter texts would hide half of every message, and an endpoint that answers with an account's or instance's id as its
 * secret key would hide what a person is asked about. AWS's secrets have forty characters and more.
 */
const SHORTEST_SECRET_CHARACTERS = 20;
/** A person's choice, such as a proxy's password, can be shorter. */
const SHORTEST_PASSWORD_CHARACTERS = 4;

/** @param secret of AWS's making, or of an endpoint's in its place */
export function rememberSecret(secret: string | undefined): void {
  if (secret !== undefined && secret.length >= SHORTEST_SECRET_CHARACTERS) secrets.add(secret);
}

/** @param password of the user's own making: no server chooses it */
export function rememberPassword(password: string): void {
  if (password.length >= SHORTEST_PASSWORD_CHARACTERS) secrets.add(password);
}

/** @param code six digits: hidden where they stand alone, not inside a longer number such as an account id */
export function rememberTokenCode(code: string): void {
  codes.add(code);
}

/** @returns the text with every known secret replaced, token codes included: for messages */
export function redact(text: string): string {
  let shown = redactSecrets(text);
  for (const code of codes) {
    // The second: in an echoed request, `TokenCode%3D123456`.
    const pattern = `(?<![0-9A-Za-z])${code}(?![0-9A-Za-z])|(?<=%3D)${code}(?![0-9])`;
    if (shown.includes(code)) shown = shown.replace(new RegExp(pattern, "g"), "[code]");
  }
  return shown;
}

/** The same but for token codes: for results, whose numbers can be six digits too. */
export function redactSecrets(text: string): string {
  let shown = text;
  // The longest first: of two that begin alike the longer one would keep its tail.
  const longestFirst = [...secrets].sort((one, other) => other.length - one.length);
  for (const secret of longestFirst) shown = shown.replaceAll(secret, "[secret]");
  return shown;
}
