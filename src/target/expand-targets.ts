import { parseRoleArn } from "../aws/arn.ts";
import { AssumeMfaError } from "../errors.ts";
import type { AwsConfig } from "./aws-config.ts";
import { lookedIn } from "./resolve-source.ts";
import { quoted } from "./setting.ts";

/** A session each: more than anybody has in one place, and few enough to be resolved and printed in a second or two. */
const MOST_TARGETS = 500;

/**
 * The targets that one word names: itself, or several, `dev,staging`, and globs over the profiles with a role, `team-*`.
 * An exact name wins over a list and a glob (CLI.md, "Targets").
 * @returns at least one; each once, in the order of the word, those of a glob in the order of the files
 * @throws AssumeMfaError TARGET_UNKNOWN for a glob that no profile with a role fits, USAGE for an empty part and for more than 500
 */
export function expandTargets(word: string, config: AwsConfig): readonly string[] {
  if (isExact(word, config)) return [word];
  const names = word.split(",").flatMap((part) => {
    if (part === "" && word.includes(",")) {
      throw new AssumeMfaError("USAGE", `${quoted(word)} has an empty name among its targets`, {
        hint: "write them with a comma between: dev,staging",
      });
    }
    return isExact(part, config) || !/[*?]/.test(part) ? [part] : matching(part, config);
  });
  return each(names);
}

/**
 * The same of several words: `dev staging`, `dev,staging prod`.
 * @returns each once
 * @throws AssumeMfaError as {@link expandTargets} does
 */
export function expandAll(words: readonly string[], config: AwsConfig): readonly string[] {
  return each(words.flatMap((word) => expandTargets(word, config)));
}

function each(names: readonly string[]): readonly string[] {
  const once = [...new Set(names)];
  if (once.length <= MOST_TARGETS) return once;
  throw new AssumeMfaError("USAGE", `${once.length} targets are too many for one run: it takes ${MOST_TARGETS}`, {
    hint: "name fewer, or narrow the glob",
  });
}

/** Role names may hold a comma, profile names anything. */
function isExact(word: string, config: AwsConfig): boolean {
  return config.profile(word) !== undefined || parseRoleArn(word) !== undefined;
}

function matching(glob: string, config: AwsConfig): readonly string[] {
  const names = config.roleProfileNames().filter((name) => fitsGlob(name, glob));
  if (names.length > 0) return names;
  throw new AssumeMfaError("TARGET_UNKNOWN", `no profile with a role is named like ${quoted(glob)}`, {
    hint: lookedIn(config),
  });
}

/**
 * `*` stands for any characters, `?` for one. In linear time: a star is gone back to, never all of them at once.
 */
function fitsGlob(text: string, glob: string): boolean {
  let at = 0;
  let inGlob = 0;
  let star = -1;
  let afterStar = 0;
  while (at < text.length) {
    if (glob[inGlob] === "*") {
      star = inGlob++;
      afterStar = at;
    } else if (glob[inGlob] === "?" || glob[inGlob] === text[at]) {
      at += 1;
      inGlob += 1;
    } else if (star >= 0) {
      inGlob = star + 1;
      at = ++afterStar;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === "*") inGlob += 1;
  return inGlob === glob.length;
}
