/**
 * A program's name out of a command that stands in a file, without its folder and its arguments.
 * @returns undefined where it does not look like one: in a broken file it can be a secret key, of forty characters
 */
export function programName([program = ""]: readonly string[]): string | undefined {
  const name = program.slice(program.lastIndexOf("/") + 1);
  return /^[\w.+-]{1,32}$/.test(name) ? name : undefined;
}

/**
 * The same with the folder, for messages about a program that is not there: `/opt/vault/bin/vault`; of a path that is long
 * enough to be a secret `…/vault`.
 */
export function programPath(command: readonly string[]): string | undefined {
  const [program = ""] = command;
  const name = programName(command);
  if (name === undefined || name === program) return name;
  return /^[\w.+/-]{1,32}$/.test(program) ? program : `…/${name}`;
}
