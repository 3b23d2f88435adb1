import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Credentials, type CredentialsParts } from "../../src/credentials/credentials.ts";
import { AssumeMfaError } from "../../src/errors.ts";
import { formatExport, formatExportFailure, formatExportUnset } from "../../src/outputs/export.ts";
import { formatFishChanges } from "../../src/outputs/export-fish.ts";
import { formatShChanges } from "../../src/outputs/export-sh.ts";
import { HOSTILE_VALUES, hostileValue } from "./hostile-values.ts";
import { FISH, parseEnvironment, runShell, SH_SHELLS, SHELLS, type Shell, titleOf } from "./shells.ts";

const VALUES_PER_SHELL = 500;
// Another set of values in each run; a failing test's title says which one it was.
const SEED = Date.now() % 1_000_000_000;

const NAMES = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_SECURITY_TOKEN",
] as const;
const CREDENTIAL_NAMES = NAMES.filter((name) => !/REGION|PROFILE/.test(name));

/** Left over from something else in the shell that evaluates our lines. */
const STALE: Readonly<Record<string, string>> = Object.fromEntries(NAMES.map((name) => [name, `stale ${name}`]));

/** How a user hands the lines to each language's shell. */
const EVALS: Readonly<Record<Shell["language"], ReadonlyArray<readonly [string, string]>>> = {
  sh: [
    ["quoted", 'eval "$(cat "$TEXT_FILE")"'],
    ["unquoted", 'eval $(cat "$TEXT_FILE")'],
  ],
  fish: [
    ["line by line", "eval (cat $TEXT_FILE)"],
    ["quoted", 'eval "$(cat $TEXT_FILE)"'],
    ["sourced", "cat $TEXT_FILE | source"],
  ],
};

const base64 = (maxLength: number) => fc.stringMatching(new RegExp(`^[A-Za-z0-9/+=]{1,${maxLength}}$`));
const credentialsParts: fc.Arbitrary<CredentialsParts> = fc.record({
  accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,24}$/),
  secretAccessKey: base64(40),
  sessionToken: fc.option(
    fc.oneof(
      base64(200),
      base64(12).map((part) => part.repeat(100)),
    ),
    { nil: undefined },
  ),
  expiration: fc.option(fc.integer({ min: 0, max: 4_102_444_800_000 }), { nil: undefined }),
});
const region = fc.option(fc.constantFrom("us-east-1", "us-gov-west-1", "ap-southeast-7"), { nil: undefined });

interface Case {
  readonly credentials: Credentials;
  readonly region: string | undefined;
}

const goodCase: fc.Arbitrary<Case> = fc
  .record({ parts: credentialsParts, region })
  .map(({ parts, region }) => ({ credentials: new Credentials(parts), region }));

const hostileCase: fc.Arbitrary<Case> = fc
  .record({
    parts: credentialsParts,
    region,
    place: fc.constantFrom("accessKeyId", "secretAccessKey", "sessionToken", "region"),
    value: hostileValue,
  })
  .map(({ parts, region, place, value }) =>
    place === "region"
      ? { credentials: new Credentials(parts), region: value }
      : { credentials: new Credentials({ ...parts, [place]: value }), region },
  );

/** @returns undefined when it is refused */
function tryFormatExport(format: "sh" | "fish", input: Case): string | undefined {
  try {
    return formatExport(format, input);
  } catch (error) {
    if (error instanceof AssumeMfaError) return undefined;
    throw error;
  }
}

const UNSET = "<unset>";

/** A function `show` that prints every variable on a line. */
function defineShow(shell: Shell): string {
  if (shell.language === "fish") {
    const lines = NAMES.map((name) => `if set -q ${name}; ${shell.printLine} $${name}; else; echo '${UNSET}'; end`);
    return `function show; ${lines.join("; ")}; end`;
  }
  return `show() { ${NAMES.map((name) => `${shell.printLine} "\${${name}-${UNSET}}";`).join(" ")} }`;
}

function expectedValues({ credentials, region }: Case, before: readonly string[]): readonly string[] {
  const { expiration } = credentials;
  return [
    credentials.accessKeyId,
    credentials.secretAccessKey,
    credentials.sessionToken ?? UNSET,
    expiration === undefined ? UNSET : new Date(expiration).toISOString().replace(/\.\d+Z$/, "Z"),
    region ?? before[4] ?? "",
    region ?? before[5] ?? "",
    UNSET,
    UNSET,
    UNSET,
  ];
}

it("finds a shell to test with", () => {
  expect(SH_SHELLS.filter((shell) => shell.path !== undefined).length).toBeGreaterThan(0);
});

describe.each(SHELLS.map((shell) => [titleOf(shell), shell] as const))("export in %s", (_, shell) => {
  const isMissing = shell.path === undefined;
  const { language } = shell;
  const evals = EVALS[language];
  const strict = language === "sh" ? "set -eu" : "";
  const quoted = language === "sh" ? 'eval "$(cat "$TEXT_FILE")"' : "cat $TEXT_FILE | source";
  const formatChanges = language === "sh" ? formatShChanges : formatFishChanges;

  it.skipIf(isMissing).each(evals)(
    `hands over each of ${VALUES_PER_SHELL} sets unchanged or refuses it, executing nothing: %s (seed ${SEED})`,
    (_, evaluate) => {
      const cases = fc.sample(fc.oneof(goodCase, hostileCase), { numRuns: VALUES_PER_SHELL, seed: SEED });
      const accepted = cases.flatMap((input) => {
        const text = tryFormatExport(language, input);
        return text === undefined ? [] : [{ input, text }];
      });
      // Neither half of the promise may be kept by an empty set.
      expect(accepted.length).toBeGreaterThan(VALUES_PER_SHELL / 4);
      expect(VALUES_PER_SHELL - accepted.length).toBeGreaterThan(VALUES_PER_SHELL / 4);

      const outcome = runShell(shell, {
        script: [strict, defineShow(shell), evaluate].join("\n"),
        text: accepted.map(({ text }) => `${text}show;\n`).join(""),
        env: STALE,
      });
      const lines = outcome.stdout.split("\n").slice(0, -1);
      const expected: string[] = [];
      let before: readonly string[] = NAMES.map((name) => STALE[name] ?? "");
      for (const { input } of accepted) {
        before = expectedValues(input, before);
        expected.push(...before);
      }
      expect({ ...outcome, stdout: lines }).toEqual({ status: 0, stderr: "", created: [], stdout: expected });
    },
  );

  it.skipIf(isMissing).each(evals)("exports to children, and eval succeeds: %s", (_, evaluate) => {
    const input = { credentials: new Credentials(sampleParts()), region: "us-east-1" };
    const outcome = runShell(shell, {
      script: [strict, evaluate, language === "sh" ? 'test "$?" = 0' : "test $status = 0; or exit 9", "env -0"].join(
        "\n",
      ),
      text: formatExport(language, input),
      env: STALE,
    });
    const environment = parseEnvironment(outcome.stdout);
    expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 0, stderr: "" });
    expect(NAMES.map((name) => environment.get(name) ?? UNSET)).toEqual(expectedValues(input, []));
  });

  it.skipIf(isMissing).each(evals)("takes all of it away again: %s", (_, evaluate) => {
    const outcome = runShell(shell, {
      script: [strict, evaluate, language === "sh" ? 'test "$?" = 0' : "test $status = 0; or exit 9", "env -0"].join(
        "\n",
      ),
      text: formatExportUnset(language),
      env: STALE,
    });
    const left = [...parseEnvironment(outcome.stdout).keys()].filter((name) => name.startsWith("AWS_"));
    expect({ ...outcome, stdout: left.sort() }).toEqual({
      status: 0,
      stderr: "",
      created: [],
      stdout: ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"],
    });
  });

  describe("after a failure", () => {
    const environments: ReadonlyArray<[string, Readonly<Record<string, string>>]> = [
      ["credentials of another account", STALE],
      ["no credentials", {}],
    ];
    const table = evals.flatMap(([how, evaluate]) =>
      environments.map(([what, env]) => [how, what, evaluate, env] as const),
    );

    it.skipIf(isMissing).each(table)(
      "eval fails and no credentials are left: %s, in a shell with %s",
      (_, __, evaluate, env) => {
        const outcome = runShell(shell, {
          script: `${evaluate}\n${language === "sh" ? 'echo "status $?"' : 'echo "status $status"'}\nenv -0`,
          text: formatExportFailure(language),
          env,
        });
        expect(outcome.stdout).toMatch(/^status [1-9]/);
        expect(outcome.stderr).toBe("");
        const environment = parseEnvironment(outcome.stdout.slice(outcome.stdout.indexOf("\n") + 1));
        expect(environment.get("HOME")).toBeDefined();
        expect(CREDENTIAL_NAMES.filter((name) => environment.has(name))).toEqual([]);
      },
    );

    it.skipIf(isMissing).each(evals)("what follows && is not reached: %s", (_, evaluate) => {
      const outcome = runShell(shell, {
        script: `${evaluate} && echo reached\n${evaluate} || echo failed`,
        text: formatExportFailure(language),
      });
      expect(outcome.stdout).toBe("failed\n");
    });

    // fish has no such option.
    const strictEvals = language === "sh" ? evals : [];
    it.skipIf(isMissing).each(strictEvals)("a script with set -e ends: %s", (_, evaluate) => {
      const script = `set -eu\necho before\n${evaluate}\necho reached`;
      const failed = runShell(shell, { script, text: formatExportFailure(language), env: STALE });
      expect({ stdout: failed.stdout, stderr: failed.stderr }).toEqual({ stdout: "before\n", stderr: "" });
      expect(failed.status).not.toBe(0);
      // The control: with nothing printed, as other tools do, the script goes on.
      expect(runShell(shell, { script, text: "", env: STALE }).stdout).toBe("before\nreached\n");
    });
  });

  describe("the quoting behind the allowlist", () => {
    const values = [
      ...HOSTILE_VALUES,
      ...fc.sample(hostileValue, { numRuns: VALUES_PER_SHELL - HOSTILE_VALUES.length, seed: SEED }),
    ];
    const text = formatChanges(values.map((value, index) => ({ name: `HOSTILE_${index}`, value })));

    it.skipIf(isMissing)(
      `hands over ${VALUES_PER_SHELL} hostile values unchanged, executing nothing (seed ${SEED})`,
      () => {
        const outcome = runShell(shell, { script: [strict, quoted, "env -0"].join("\n"), text });
        const environment = parseEnvironment(outcome.stdout);
        const got = values.map((_, index) => environment.get(`HOSTILE_${index}`));
        expect(got.length).toBe(VALUES_PER_SHELL);
        expect({ ...outcome, stdout: got }).toEqual({ status: 0, stderr: "", created: [], stdout: values });
      },
    );

    // mksh expands braces in what an unquoted substitution gives, quotes or not: there no quoting is enough, only the
    // allowlist is.
    const safeEvals = evals.filter(([how]) => !(shell.name === "mksh" && how === "unquoted"));
    it.skipIf(isMissing).each(safeEvals)("executes nothing however the lines are evaluated: %s", (_, evaluate) => {
      const outcome = runShell(shell, { script: [evaluate, "echo done"].join("\n"), text });
      expect({ ...outcome, stderr: "" }).toEqual({ status: 0, stdout: "done\n", stderr: "", created: [] });
    });

    // What proves that the traps of this file snap.
    const assign =
      language === "sh" ? (word: string) => `export V=${word};\n` : (word: string) => `set -gx V ${word};\n`;
    it.skipIf(isMissing).each([
      ["double quotes", (value: string) => assign(`"${value}"`)],
      ["single quotes that do not look inside", (value: string) => assign(`'${value}'`)],
      ["no quotes", (value: string) => assign(value)],
    ])("CONTROL: %s get hostile values executed", (_, formatNaive) => {
      const created = HOSTILE_VALUES.filter((value) => value.includes("pwned")).flatMap((value, index) => {
        // One shell for many values would end at the first syntax error.
        if (index % 3 !== 0) return [];
        return runShell(shell, { script: quoted, text: formatNaive(value) }).created;
      });
      expect(created).toContain("pwned");
    });
  });
});

describe.skipIf(FISH.path === undefined)(`scopes of ${titleOf(FISH)}`, () => {
  const text = formatExport("fish", { credentials: new Credentials(sampleParts()), region: undefined });

  it("takes away a variable of the function that evaluates, and the global one behind it", () => {
    const outcome = runShell(FISH, {
      script: [
        "set -gx AWS_PROFILE global",
        "function work; set -lx AWS_PROFILE local; eval (cat $TEXT_FILE); env -0; end",
        "work",
      ].join("\n"),
      text,
    });
    const environment = parseEnvironment(outcome.stdout);
    expect(environment.has("AWS_PROFILE")).toBe(false);
    expect(environment.has("AWS_ACCESS_KEY_ID")).toBe(true);
  });

  it("keeps an exported universal variable, which belongs to every fish of the user, and says so", () => {
    const outcome = runShell(FISH, {
      script: [
        "set -Ux AWS_PROFILE work",
        "eval (cat $TEXT_FILE)",
        "echo $status",
        "set -qU AWS_PROFILE; and echo kept",
      ].join("\n"),
      text,
    });
    expect(outcome).toEqual({
      status: 0,
      stdout: "0\nkept\n",
      stderr:
        "assume-mfa: warning: the universal variable AWS_PROFILE stays set, to erase it type: set -eU AWS_PROFILE\n",
      created: [],
    });
  });

  it("covers universal keys, and gives them back", () => {
    const outcome = runShell(FISH, {
      script: [
        "set -Ux AWS_ACCESS_KEY_ID universal",
        "eval (cat $TEXT_FILE)",
        "test $AWS_ACCESS_KEY_ID = universal; and echo not covered",
        `${formatExportUnset("fish")}echo $AWS_ACCESS_KEY_ID`,
      ].join("\n"),
      text,
    });
    expect({ stdout: outcome.stdout, stderr: outcome.stderr }).toEqual({ stdout: "universal\n", stderr: "" });
  });
});

function sampleParts(): CredentialsParts {
  const [parts] = fc.sample(credentialsParts, { numRuns: 1, seed: SEED });
  if (parts === undefined) throw new Error("no sample");
  return { ...parts, sessionToken: parts.sessionToken ?? "token/+=" };
}
