import { createHash } from "node:crypto";
import type { AwsCliArguments } from "../target/target.ts";

/**
 * What the AWS CLI's cache calls a session: the SHA-1 of AssumeRole's arguments as Python's `json.dumps(…, sort_keys=True)`
 * writes them (botocore 1.43, `BaseAssumeRoleCredentialFetcher._create_cache_key`).
 * @returns 40 hexadecimal digits: nothing for a file's name to trip over
 */
export function awsCliKey(args: AwsCliArguments): string {
  return createHash("sha1").update(pythonJson(args)).digest("hex");
}

/** ASCII alone, a blank behind each comma and colon. */
function pythonJson(args: AwsCliArguments): string {
  const pairs = Object.keys(args)
    .sort()
    .map((name) => `${pythonText(name)}: ${typeof args[name] === "number" ? args[name] : pythonText(`${args[name]}`)}`);
  return `{${pairs.join(", ")}}`;
}

/** `JSON.stringify` leaves DEL and what is beyond ASCII as it is; surrogates go one by one in both. */
function pythonText(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
