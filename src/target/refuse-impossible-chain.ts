import { AssumeMfaError } from "../errors.ts";
import { formatOrigin } from "./format-origin.ts";
import type { SessionTag, Sourced, Target } from "./target.ts";

type Chained = Pick<Target, "name" | "profileName" | "source" | "sourceIdentity" | "sessionTags" | "externalId">;

/**
 * What AWS refuses down a chain of roles whatever their policies say, told before anybody is asked for a code: a source
 * identity that was set stays as it is, and so does a tag that goes on (IAM User Guide, id_credentials_temp_control-access_monitor
 * and id_session-tags). What a token opens takes neither, nor an external id: they stand in the token.
 * @throws AssumeMfaError SESSION_SETTING_REFUSED
 */
export function refuseImpossibleChain(target: Chained): void {
  const { source } = target;
  if (source.kind === "provided" && isOpenedByToken(target)) refuseTokenSettings(target, source.label);
  if (source.kind !== "role") return;
  const before = inheritedIdentity(source.target);
  const own = target.sourceIdentity;
  if (before !== undefined && own !== undefined && before.value !== own.value) {
    throw refusedSetting(
      `a session keeps the source identity it was made with: ${source.label} has one (${formatOrigin(before.origin)}), and another is set for ${target.name} (${formatOrigin(own.origin)})`,
      "leave out one of them, or write the same",
    );
  }
  const inherited = inheritedTags(source.target);
  for (const tag of target.sessionTags) {
    const earlier = inherited.get(tag.value.key.toLowerCase());
    if (earlier === undefined) continue;
    throw refusedSetting(
      `the session tag ${tag.value.key} comes down from ${source.label} (${formatOrigin(earlier.origin)}) and can't be set again (${formatOrigin(tag.origin)})`,
      "leave out one of them, or take it out of transitive_session_tags",
    );
  }
}

/** The target's own profile names a token, which opens its role itself: nobody's keys sign. */
export function isOpenedByToken({ source, profileName }: Pick<Target, "source" | "profileName">): boolean {
  return source.kind === "provided" && source.provider.kind === "web identity" && source.profileName === profileName;
}

function refuseTokenSettings(target: Chained, label: string): void {
  const [tag] = target.sessionTags;
  const setting = target.externalId ?? target.sourceIdentity ?? tag;
  if (setting === undefined) return;
  const what =
    setting === target.externalId ? "an external id" : setting === tag ? "a session tag" : "a source identity";
  throw refusedSetting(`${what} can't go with ${label} (${formatOrigin(setting.origin)})`, "leave it out");
}

function inheritedIdentity(hop: Target): Sourced<string> | undefined {
  return hop.sourceIdentity ?? (hop.source.kind === "role" ? inheritedIdentity(hop.source.target) : undefined);
}

/** By their keys in small letters: AWS tells them apart without regard to case. */
function inheritedTags(hop: Target): Map<string, Sourced<SessionTag>> {
  const tags = hop.source.kind === "role" ? inheritedTags(hop.source.target) : new Map<string, Sourced<SessionTag>>();
  for (const tag of hop.sessionTags) if (tag.value.isTransitive) tags.set(tag.value.key.toLowerCase(), tag);
  return tags;
}

function refusedSetting(message: string, hint: string): AssumeMfaError {
  return new AssumeMfaError("SESSION_SETTING_REFUSED", message, { hint });
}
