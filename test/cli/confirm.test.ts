import { beforeEach, describe, expect, it } from "vitest";
import type { Instance } from "../../src/sandbox/world.ts";
import { changesOf, DEV, DEV_ROLE, openCliWorld, SERIAL } from "../support/cli-world.ts";
import type { Reply } from "../support/fake-host.ts";

const world = await openCliWorld();

type Mode = "prompt" | "always" | "person" | "never";
const MODES: readonly Mode[] = ["prompt", "always", "person", "never"];

const envOf = Object.fromEntries(
  MODES.map((mode) => [
    mode,
    world.configFile(
      `[profile parent]\n[profile dev]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nmfa_serial = ${SERIAL}\nregion = us-east-1\nassume_mfa_confirm = ${mode}\n`,
    ),
  ]),
);

let serial = 0;
let instance: Instance;
beforeEach(() => {
  // No session is cached: what is refused is refused before a code is spent, and that is seen.
  world.newCache();
  const [model] = world.instances(DEV);
  if (model === undefined) throw new Error("no instance");
  serial += 1;
  instance = { ...model, id: `i-${serial.toString(16).padStart(17, "0")}`, state: "running", nextState: undefined };
  world.account(DEV).instances.set(instance.id, instance);
});

/** What the person is asked: nothing, y/N, or the target's name; or that it is exit 2. */
type Asked = "nothing" | "yes or no" | "the name" | "refused";

const YES_OR_NO = /^Terminate 1 instance in dev \(account 222222222222\)\? \[y\/N\] $/;
const THE_NAME = /^To terminate 1 instance in dev \(account 222222222222\), type the target's name \(dev\): $/;

/** CLI.md, `assume_mfa_confirm`: by mode, whether somebody is there, and the options. */
function expected(mode: Mode, isSomebodyThere: boolean, isYes: boolean, isAccountExpected: boolean): Asked {
  switch (mode) {
    case "never":
      return "nothing";
    case "prompt":
      return isYes ? "nothing" : isSomebodyThere ? "yes or no" : "refused";
    case "always":
      return isSomebodyThere ? "the name" : isYes && isAccountExpected ? "nothing" : "refused";
    case "person":
      return isSomebodyThere ? "the name" : "refused";
  }
}

const TABLE = MODES.flatMap((mode) =>
  [true, false].flatMap((isSomebodyThere) =>
    [true, false].flatMap((isYes) =>
      [true, false].flatMap((isAccountExpected) =>
        [true, false].map((isDryRun) => [mode, isSomebodyThere, isYes, isAccountExpected, isDryRun] as const),
      ),
    ),
  ),
);

describe("who is asked what", () => {
  it.each(TABLE)(
    "%s, somebody there %s, --yes %s, --expect-account %s, --dry-run %s",
    async (mode, isSomebodyThere, isYes, isAccountExpected, isDryRun) => {
      const asked = isDryRun ? "nothing" : expected(mode, isSomebodyThere, isYes, isAccountExpected);
      const code = world.code();
      const replies: Reply[] = asked === "yes or no" ? ["y"] : asked === "the name" ? ["dev"] : [];
      const words = [
        ...(isYes ? ["--yes"] : []),
        ...(isAccountExpected ? ["--expect-account", DEV] : []),
        ...(isDryRun ? ["--dry-run"] : []),
      ];
      const run = await world.run(["dev", "terminate", instance.id, "-t", code, ...words], {
        env: envOf[mode] ?? {},
        ...(isSomebodyThere ? { replies } : {}),
      });
      expect(run.questions).toEqual(
        asked === "yes or no"
          ? [expect.stringMatching(YES_OR_NO)]
          : asked === "the name"
            ? [expect.stringMatching(THE_NAME)]
            : [],
      );
      if (asked === "refused") {
        // Before a code is spent: nothing is called at all.
        expect(run).toMatchObject({ exitCode: 2, stdout: "", operations: [] });
        expect(run.stderr).toMatch(
          /error: terminate in dev must be confirmed, and nobody can be asked; nothing was done/,
        );
        expect(run.stderr).toMatch(mode === "person" ? /no option stands for that/ : /--yes/);
        expect(run.stderr.includes(`--expect-account ${DEV}`)).toBe(mode === "always");
        expect(instance.state).toBe("running");
        return;
      }
      expect(run.exitCode).toBe(0);
      expect(changesOf(run)).toEqual(isDryRun ? [] : ["TerminateInstances"]);
      expect(instance.state).toBe(isDryRun ? "running" : "terminated");
      expect(run.operations.includes("TerminateInstances (dry run)")).toBe(isDryRun);
    },
  );

  it("the table has all cells", () => {
    expect(TABLE).toHaveLength(64);
  });
});

describe("an answer", () => {
  it.each<[Mode, string | undefined]>([
    ["prompt", ""],
    ["prompt", undefined],
    ["prompt", "n"],
    ["prompt", "N"],
    ["prompt", "no"],
    ["prompt", "yess"],
    ["prompt", "dev"],
    ["prompt", "ｙ"],
    ["prompt", "\u001b[200~y\u001b[201~"],
    ["always", ""],
    ["always", undefined],
    ["always", "y"],
    ["always", "yes"],
    ["always", "Dev"],
    ["always", "devv"],
    ["always", DEV],
    ["person", ""],
    ["person", undefined],
    ["person", "y"],
    ["person", "staging"],
  ])("%s: %j is No, exit 6, nothing changed", async (mode, answer) => {
    for (const words of [[], ["-o", "json"]]) {
      const run = await world.run(["dev", "terminate", instance.id, "-t", world.code(), ...words], {
        env: envOf[mode] ?? {},
        replies: [answer],
      });
      expect(run.exitCode).toBe(6);
      expect(changesOf(run)).toEqual([]);
      expect(instance.state).toBe("running");
      expect(run.stderr).toMatch(/error: declined; nothing was done\n$/);
      if (words.length === 0) expect(run.stdout).toBe("");
      else expect(JSON.parse(run.stdout)[0].error).toMatchObject({ code: "DECLINED" });
    }
  });

  it.each<[Mode, string]>([
    ["prompt", "y"],
    ["prompt", "Y"],
    ["prompt", "yes"],
    ["prompt", " YES "],
    ["always", "dev"],
    ["always", " dev "],
    ["person", "dev"],
  ])("%s: %j is Yes", async (mode, answer) => {
    const run = await world.run(["dev", "terminate", instance.id, "-t", world.code()], {
      env: envOf[mode] ?? {},
      replies: [answer],
    });
    expect(run.exitCode).toBe(0);
    expect(instance.state).toBe("terminated");
  });

  it("Ctrl-C at the question is 130, and nothing is done", async () => {
    let raise = () => {};
    const run = await world.run(["dev", "terminate", instance.id, "-t", world.code()], {
      meanwhile: ({ interrupts }) => {
        raise = () => interrupts.raise("SIGINT");
      },
      replies: [
        () => {
          raise();
          return "y";
        },
      ],
    });
    expect(run).toMatchObject({ exitCode: 130, stdout: "" });
    expect(changesOf(run)).toEqual([]);
    expect(instance.state).toBe("running");
  });
});

describe("the question", () => {
  it("comes after what is about to be lost was shown, region and its origin included", async () => {
    const run = await world.run(["dev", "terminate", instance.id, "-t", world.code()], {
      replies: [
        () => {
          return "n";
        },
      ],
    });
    expect(run.stderr).toMatch(
      /account 222222222222 {2}target dev {2}role PrivilegedActionsRole {2}region us-east-1 \(.*\/config:\d+\)\n/,
    );
    expect(run.stderr).toMatch(new RegExp(`${instance.id} +web-1 +t3.small +us-east-1a +running +30 d +no\n`));
  });

  it("is asked after the code: a code ages, and looking needs the role", async () => {
    const run = await world.run(["dev", "terminate", instance.id], {
      replies: [() => world.code(), "n"],
    });
    expect(run.exitCode).toBe(6);
    expect(run.questions).toEqual([expect.stringMatching(/^MFA code/), expect.stringMatching(YES_OR_NO)]);
  });

  it("is not asked where --no-input or CI=true says so, though a terminal is there", async () => {
    for (const [words, env] of [
      [["--no-input"], {}],
      [[], { CI: "true" }],
    ] as const) {
      const run = await world.run(["dev", "terminate", instance.id, ...words], { replies: [], env });
      expect(run).toMatchObject({ exitCode: 2, questions: [], operations: [] });
    }
  });

  it("--expect-account with another account: exit 3 and no call, --yes or not", async () => {
    for (const words of [["--yes"], [], ["--dry-run"]]) {
      const run = await world.run(
        ["dev", "terminate", instance.id, "-t", world.code(), "--expect-account", "444444444444", ...words],
        { replies: [] },
      );
      expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [], questions: [] });
      expect(run.stderr).toMatch(/error: dev is account 222222222222, and 444444444444 was expected/);
    }
    const byVariable = await world.run(["dev", "login"], { env: { ASSUME_MFA_EXPECT_ACCOUNT: "444444444444" } });
    expect(byVariable).toMatchObject({ exitCode: 3, operations: [] });
  });
});
