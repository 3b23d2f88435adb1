import { spawnSync } from "node:child_process";
import type { AwsCliArguments } from "../../src/target/target.ts";

const KEYS_PROGRAM = `
import json, sys
from botocore.credentials import AssumeRoleCredentialFetcher
def key(args):
    args = dict(args)
    role = args.pop("RoleArn")
    return AssumeRoleCredentialFetcher(None, None, role, extra_args=args)._cache_key
json.dump([key(args) for args in json.load(sys.stdin)], sys.stdout)
`;

/** What botocore calls the sessions of these AssumeRole arguments. */
export function keysOfArguments(all: readonly AwsCliArguments[]): readonly string[] {
  return ask(KEYS_PROGRAM, all);
}

const PROFILES_PROGRAM = `
import json, os, sys, tempfile
import botocore.credentials, botocore.session
keys = []
class Fetcher(botocore.credentials.AssumeRoleCredentialFetcher):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        keys.append(self._cache_key)
botocore.credentials.AssumeRoleCredentialFetcher = Fetcher
def key(text):
    keys.clear()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AWS_CONFIG_FILE"] = os.path.join(folder, "config")
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.path.join(folder, "credentials")
        with open(os.environ["AWS_CONFIG_FILE"], "w", encoding="utf-8") as file:
            file.write(text)
        try:
            botocore.session.Session(profile="dev").get_credentials()
        except Exception:
            pass
        # The last one is that of the profile itself: its sources come before it.
        return keys[-1] if keys else None
json.dump([key(text) for text in json.load(sys.stdin)], sys.stdout)
`;

/** What botocore calls the session of the profile `dev` of each config file; null where it makes none. */
export function keysOfProfiles(configs: readonly string[]): readonly (string | null)[] {
  return ask(PROFILES_PROGRAM, configs);
}

function ask<Answer>(program: string, question: unknown): Answer {
  const run = spawnSync("python3", ["-X", "utf8", "-c", program], {
    input: JSON.stringify(question),
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
    env: { PATH: process.env.PATH, AWS_EC2_METADATA_DISABLED: "true", PYTHONDONTWRITEBYTECODE: "1" },
  });
  if (run.status !== 0) throw new Error(`botocore did not run: ${run.stderr}`);
  return JSON.parse(run.stdout);
}
