import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** Identifiers in the shapes that AWS gives them. Made at run time only: none of them stands in the source. */
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const UPPER_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** @param prefix `AKIA` for an IAM user's key, `ASIA` for a session's */
export function makeAccessKeyId(prefix: "AKIA" | "ASIA"): string {
  return prefix + randomText(BASE32, 16);
}

/** 40 characters of base64, as AWS's secret keys are. */
export function makeSecretAccessKey(): string {
  return randomBytes(30).toString("base64");
}

/** Base64 of the length that AWS's tokens have; random, and known only from the world's table. */
export function makeSessionToken(): string {
  return randomBytes(264).toString("base64");
}

/** @param prefix AIDA user, AROA role, AGPA group, ANPA managed policy */
export function makeUniqueId(prefix: "AIDA" | "AROA" | "AGPA" | "ANPA"): string {
  return prefix + randomText(UPPER_DIGITS, 17);
}

/** @param prefix `i`, `r`, `eni` …: seventeen hexadecimal digits follow */
export function makeResourceId(prefix: string): string {
  return `${prefix}-${randomBytes(9).toString("hex").slice(0, 17)}`;
}

export function makeRequestId(): string {
  return randomUUID();
}

/** DynamoDB's and some others' request ids: 52 upper-case letters and digits. */
export function makeLongRequestId(): string {
  return randomText(UPPER_DIGITS, 52);
}
