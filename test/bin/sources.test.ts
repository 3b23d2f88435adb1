import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// Keys that a program gives, as built: on a real terminal, and where the program is assume-mfa itself (CLI.md, "Targets";
// ACCEPTANCE.md T15).

type OnTestFinished = (tidy: () => void | Promise<void>) => void;

const ROLE = "arn:aws:iam::222222222222:role/PrivilegedActionsRole";

/** A world whose dev is open to the parent account, with a target `behind` whose keys the program gives. */
async function makeWorld(onTestFinished: OnTestFinished, script: string): Promise<TestWorld> {
  const world = await startWorld();
  onTestFinished(() => world.close());
  const role = world.sandbox.world.accounts.get("222222222222")?.roles.get("PrivilegedActionsRole");
  if (role === undefined) throw new Error("the world has no such role");
  role.trustPolicy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: "111122223333" }, Action: "sts:AssumeRole" }],
  });
  const program = join(world.folder, "keys-program");
  writeFileSync(program, `#!/bin/sh\necho run >> "$HOME/runs"\n${script}\n`);
  chmodSync(program, 0o700);
  world.addProfiles(
    `[profile behind]\nrole_arn = ${ROLE}\nsource_profile = vault\nregion = us-east-1\n\n[profile vault]\ncredential_process = ${program}\n`,
  );
  return world;
}

const runsOf = (world: TestWorld) => {
  const path = join(world.home, "runs");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
};

/** The exported session of the environment as a document of `credential_process`. */
const PRINT = `printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"%s","SessionToken":"%s"}' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN"`;

describe.concurrent("a credential_process", () => {
  it("that runs assume-mfa for a profile which comes back to it ends in the second run, and both say so", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(onTestFinished, 'eval "$(assume-mfa behind export)" || exit 5');
    const { status, stdout, stderr } = await world.run(["behind", "whoami"]);
    expect([status, stdout, runsOf(world), world.countCalls("AssumeRole")]).toEqual([3, "", 1, 0]);
    const errors = stderr.split("\n").filter((line) => line.startsWith("assume-mfa: error: "));
    expect(errors).toEqual([
      expect.stringMatching(/credential_process goes round in a circle: vault → vault$/),
      expect.stringMatching(/credential_process ended with status 5: nothing is taken from it$/),
    ]);
  });

  it("that runs assume-mfa for another profile gives its session", async ({ onTestFinished }) => {
    const world = await makeWorld(onTestFinished, `eval "$(assume-mfa parent-admin export)"\n${PRINT}`);
    await world.login("parent-admin");
    const { status, stdout } = await world.run(["behind", "whoami", "-o", "json"]);
    expect([status, runsOf(world)]).toEqual([0, 1]);
    expect(JSON.parse(stdout)[0].result.arn).toMatch(/assumed-role\/PrivilegedActionsRole\/alice$/);
  });

  it("asks at the terminal while our streams go elsewhere, and only the result is on standard output", async ({
    onTestFinished,
  }) => {
    const world = await makeWorld(
      onTestFinished,
      `printf 'PIN: ' > /dev/tty; read -r pin < /dev/tty; test "$pin" = 4711 || exit 1\neval "$(assume-mfa parent-admin export)"\n${PRINT}`,
    );
    await world.login("parent-admin");
    const terminal = new PseudoTerminal('eval "$(assume-mfa behind export)"; echo "<$AWS_ACCESS_KEY_ID>"', {
      env: world.env,
      cwd: world.folder,
    });
    onTestFinished(() => terminal.close());
    await terminal.waitFor(/PIN: /);
    terminal.type("4711\r");
    await terminal.waitFor(/<ASIA\w+>/);
  });
});
