import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

// Who may import whom (DESIGN.md, "The house"), kept from the first day. The table says what each room may import;
// `types` means `import type` only. A change of the rooms changes this table, in the same commit and with its reason.

type Permit = "all" | "types";

const ROOMS: Readonly<Record<string, Readonly<Record<string, Permit>>>> = {
  "errors.ts": {},
  text: {},
  policy: { "errors.ts": "all" },
  credentials: { "errors.ts": "all" },
  aws: { "errors.ts": "all", credentials: "all" },
  host: { "errors.ts": "all", text: "all" },
  // policy: a session policy is part of a target, and is checked with all else that can be before anything is called.
  target: { "errors.ts": "all", host: "types", credentials: "all", aws: "all", policy: "all" },
  session: {
    "errors.ts": "all",
    text: "all",
    host: "types",
    target: "all",
    credentials: "all",
    aws: "all",
    policy: "types",
  },
  actions: {
    "errors.ts": "all",
    text: "all",
    host: "types",
    target: "types",
    credentials: "all",
    aws: "all",
    policy: "all",
  },
  outputs: { "errors.ts": "all", text: "all", host: "types", target: "types", credentials: "all", policy: "all" },
  history: { "errors.ts": "all", text: "all", host: "types", credentials: "all" },
  sandbox: { "errors.ts": "all", policy: "all", host: "types" },
  cli: {
    "errors.ts": "all",
    text: "all",
    host: "all",
    target: "all",
    session: "all",
    credentials: "all",
    aws: "all",
    policy: "all",
    actions: "all",
    outputs: "all",
    history: "all",
  },
  "wiring.ts": {},
  "main.ts": {},
  "start.ts": {},
};
/** The composition root and the entry may import anything. */
const FREE = new Set(["wiring.ts", "main.ts", "start.ts"]);
/** Of `host`, what touches the process: `cli` gets it through a Host. */
const REAL_HOST = new Set([
  "host/node-host.ts",
  "host/tty-terminal.ts",
  "host/private-files.ts",
  "host/child-process.ts",
  "host/child-signals.ts",
  "host/controlling-terminal.ts",
  "host/inherited-descriptors.ts",
  "host/process-state.ts",
  "host/temporary-folder.ts",
  "host/captured-command.ts",
  "host/file-locks.ts",
  "host/pinentry.ts",
  "host/pinentry-process.ts",
  "host/os-keychain.ts",
  "host/keychain-package.ts",
  "host/ask-hidden-line.ts",
]);

/** Modules that reach outside, and the files that may import them: each opens with a paragraph of its rules. */
const EDGE_MODULES =
  /^(?:node:(?:fs|child_process|http|https|net|tty|os|process|dgram|dns|tls)(?:\/|$)|@aws-sdk\/|@smithy\/|@inquirer\/)/;
const EDGE_FILES = new Set([
  "wiring.ts",
  "host/node-host.ts",
  "host/tty-terminal.ts",
  "host/private-files.ts",
  "host/child-process.ts",
  "host/controlling-terminal.ts",
  "host/inherited-descriptors.ts",
  "host/process-state.ts",
  "host/temporary-folder.ts",
  "host/captured-command.ts",
  "host/file-locks.ts",
  "host/pinentry.ts",
  "host/pinentry-process.ts",
  "host/os-keychain.ts",
  "host/keychain-package.ts",
  "target/text-file.ts",
  "target/credentials-file.ts",
  "aws/bounded-http-handler.ts",
  "aws/ca-bundle.ts",
  "aws/tunnel-agent.ts",
  "session/aws-cli-cache.ts",
  "session/sts-client.ts",
  "session/provided-credentials.ts",
  "session/metadata-client.ts",
  "session/sdk-settings.ts",
  "session/sign-in-file.ts",
  "session/iam-client.ts",
  "actions/sts-client.ts",
  "actions/iam-client.ts",
  "actions/ec2/ec2-client.ts",
  "actions/dynamodb/dynamodb-client.ts",
  "outputs/github-environment-file.ts",
  "history/history-file.ts",
  "sandbox/http-front.ts",
  "sandbox/sandbox-client.ts",
  "sandbox/own-folder.ts",
  "sandbox/state-file.ts",
]);

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

const SRC = path.resolve("src");
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.split(path.sep).join("/"));
const IMPORTS: readonly Import[] = FILES.flatMap((file) => {
  const text = readFileSync(path.join(SRC, file), "utf8");
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gms)) {
    found.push({ from: file, specifier: match[2] as string, isTypeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/\bimport\("([^"]+)"\)/g)) {
    found.push({ from: file, specifier: match[1] as string, isTypeOnly: false });
  }
  return found;
});

function resolved({ from, specifier }: Import): string {
  return path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier));
}

function roomOf(file: string): string {
  return file.split("/", 1)[0] as string;
}

describe("the rooms", () => {
  it("are all on the table, and the table holds no other", () => {
    expect([...new Set(FILES.map(roomOf))].sort()).toEqual(Object.keys(ROOMS).sort());
    expect(IMPORTS.length).toBeGreaterThan(100);
  });

  it("import only the rooms that they may", () => {
    const broken = IMPORTS.filter((one) => {
      const room = roomOf(one.from);
      if (!one.specifier.startsWith(".") || FREE.has(room)) return false;
      const other = resolved(one);
      if (other.startsWith("..") || roomOf(other) === room) return other.startsWith("..");
      const permit = ROOMS[room]?.[roomOf(other)];
      if (room === "cli" && REAL_HOST.has(other)) return !one.isTypeOnly;
      return permit === undefined || (permit === "types" && !one.isTypeOnly);
    });
    expect(broken.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
  });

  it("have no cycle of imports that exist at run time", () => {
    const edges = new Map<string, string[]>();
    for (const one of IMPORTS) {
      if (!one.specifier.startsWith(".") || one.isTypeOnly) continue;
      edges.set(one.from, [...(edges.get(one.from) ?? []), resolved(one)]);
    }
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]) => {
      if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(" → "));
      if (done.has(file) || trail.includes(file)) return;
      for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
      done.add(file);
    };
    for (const file of FILES) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

describe("the outside", () => {
  it("is reached only by the named edge files", () => {
    const broken = IMPORTS.filter(
      ({ from, specifier, isTypeOnly }) => !isTypeOnly && EDGE_MODULES.test(specifier) && !EDGE_FILES.has(from),
    );
    expect(broken.map(({ from, specifier }) => `${from} imports ${specifier}`)).toEqual([]);
  });

  it.each([...EDGE_FILES].filter((file) => FILES.includes(file)))("%s says its rules near its top", (file) => {
    expect(readFileSync(path.join(SRC, file), "utf8").slice(0, 2_000)).toMatch(
      /edge|only file|one place|real outside|terminal itself/i,
    );
  });

  it("is the process, the console and the clock only in the host", () => {
    const broken = FILES.filter((file) => roomOf(file) !== "host").filter((file) => {
      const code = readFileSync(path.join(SRC, file), "utf8").replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, "");
      // An edge file may name node:process by an import, which the rule above sees; never the global.
      const isNamed = /^import process from "node:process";$/m.test(code);
      const rest = isNamed ? code.replace(/(?<![-\w])process\./g, "") : code;
      return /(?<![-\w])process\.|\bconsole\.|\bDate\.now\(|\bnew Date\(\)/.test(rest);
    });
    expect(broken).toEqual([]);
  });
});

describe("the files", () => {
  it("are named after a noun of the field", () => {
    const shapeless = FILES.filter((file) =>
      /(?:^|\/)(?:utils?|helpers?|common|shared|misc|manager)(?:\.|\/)/.test(file),
    );
    expect(shapeless).toEqual([]);
  });

  it("did not get away: none has more than 500 lines", () => {
    const long = FILES.filter((file) => readFileSync(path.join(SRC, file), "utf8").split("\n").length > 500);
    expect(long).toEqual([]);
  });
});
