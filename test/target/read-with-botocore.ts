import { spawnSync } from "node:child_process";

/** What botocore (the AWS CLI's own reader) makes of a file; `undefined` where it refuses the file. */
export type BotocoreReading =
  | {
      readonly profiles: Readonly<Record<string, BotocoreSection>>;
      readonly services: Readonly<Record<string, BotocoreSection>>;
      readonly ssoSessions: Readonly<Record<string, BotocoreSection>>;
    }
  | undefined;
export type BotocoreSection = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

export interface BotocoreQuestion {
  readonly bytes: Buffer;
  readonly kind: "config" | "credentials";
}

const PROGRAM = `
import base64, json, os, sys, tempfile
from botocore import configloader
def dump(mapping):
    return [[key, dump(value) if isinstance(value, dict) else value] for key, value in mapping.items()]
answers = []
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file")
    for question in json.load(sys.stdin):
        with open(path, "wb") as file:
            file.write(base64.b64decode(question["bytes"]))
        try:
            if question["kind"] == "config":
                read = configloader.load_config(path)
                answers.append({"profiles": dump(read["profiles"]), "services": dump(read["services"]), "ssoSessions": dump(read["sso_sessions"])})
            else:
                answers.append({"profiles": dump(configloader.raw_config_parse(path)), "services": [], "ssoSessions": []})
        except Exception:
            answers.append(None)
json.dump(answers, sys.stdout)
`;

export const hasBotocore =
  spawnSync("python3", ["-c", "import botocore.configloader"], { timeout: 30_000 }).status === 0;

export function readWithBotocore(questions: readonly BotocoreQuestion[]): readonly BotocoreReading[] {
  const input = JSON.stringify(questions.map(({ bytes, kind }) => ({ bytes: bytes.toString("base64"), kind })));
  const run = spawnSync("python3", ["-X", "utf8", "-c", PROGRAM], {
    input,
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(`botocore did not run: ${run.stderr}`);
  return (JSON.parse(run.stdout) as ({ profiles: Pairs; services: Pairs; ssoSessions: Pairs } | null)[]).map(
    (answer) =>
      answer === null
        ? undefined
        : {
            profiles: sections(answer.profiles),
            services: sections(answer.services),
            ssoSessions: sections(answer.ssoSessions),
          },
  );
}

type Pairs = readonly (readonly [string, string | Pairs])[];

function sections(pairs: Pairs): Readonly<Record<string, BotocoreSection>> {
  return toRecord(pairs) as Readonly<Record<string, BotocoreSection>>;
}

/** Null prototype: the names are hostile. */
function toRecord(pairs: Pairs): object {
  const record: Record<string, unknown> = Object.create(null);
  for (const [key, value] of pairs) record[key] = typeof value === "string" ? value : toRecord(value);
  return record;
}
