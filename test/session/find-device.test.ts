import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { endpointPlace } from "../../src/aws/endpoint-place.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import { computeTotp, formatBase32, parseBase32, totpStepAt } from "../../src/sandbox/totp.ts";
import type { MfaDevice } from "../../src/sandbox/world.ts";
import { makeFileDeviceStore } from "../../src/session/device-store.ts";
import { DEV, openCliWorld, PARENT, type Run, type RunOptions, SERIAL } from "../support/cli-world.ts";

// The device that no setting names: found with the user's own keys, picked, remembered, forgotten (CLI.md, "mfa_serial
// missing").

const world = await openCliWorld();
const PHONE = `arn:aws:iam::${PARENT}:mfa/alice-phone`;
const TOKEN = "GAHT12345678";
const KEY = `arn:aws:iam::${PARENT}:u2f/user/alice/yubikey-ABCDEF`;

beforeEach(() => {
  world.newCache();
  const { mfaDevices } = world.account(PARENT);
  for (const serial of mfaDevices.keys()) if (serial !== SERIAL) mfaDevices.delete(serial);
  world.device().userName = "alice";
  world.user("alice").inlinePolicies.delete("Test");
});

/** Beside alice's first, which is everywhere called `SERIAL`. */
function enrol(serialNumber: string, userName = "alice"): MfaDevice {
  const device: MfaDevice = {
    serialNumber,
    secret: formatBase32(randomBytes(40)),
    userName,
    enabledAtMs: Date.UTC(2026, 2, 5),
    lastAcceptedStep: undefined,
    driftSteps: 0,
  };
  world.account(PARENT).mfaDevices.set(serialNumber, device);
  return device;
}

function codeOf({ secret }: MfaDevice): string {
  return world.watch(computeTotp(parseBase32(secret), totpStepAt(world.sandbox.now())));
}

const ROLES = ["dev", "staging"]
  .map((name, at) => {
    const account = ["222222222222", "333333333333"][at];
    return `[profile ${name}]\nrole_arn = arn:aws:iam::${account}:role/PrivilegedActionsRole\nsource_profile = parent\nregion = us-east-1\n`;
  })
  .join("");
/** No profile names a device. */
const config = world.configFile(`[profile parent]\nregion = us-east-1\n${ROLES}`);

function run(argv: string | readonly string[], options: RunOptions = {}): Promise<Run> {
  return world.run(argv, { ...options, env: { ...config, ...options.env } });
}

/** A read is sent again where the clocks differ, as here once the world's was moved on: each once. */
function askedOf({ operations }: Run): string[] {
  return [...new Set(operations)];
}

function sentSerials({ calls }: Run): unknown[] {
  return calls.filter(({ operation }) => operation === "AssumeRole").map(({ parameters }) => parameters.SerialNumber);
}

function remembered(): string[] {
  const folder = path.join(world.cacheHome, "assume-mfa", "devices");
  return fs.existsSync(folder)
    ? fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), "utf8").trim())
    : [];
}

function deny(statement: object): void {
  const document = { Version: "2012-10-17", Statement: { Effect: "Deny", Resource: "*", ...statement } };
  world.user("alice").inlinePolicies.set("Test", JSON.stringify(document));
}

describe("the one device of the user", () => {
  it("is found with the user's keys, said, and remembered: no call for it in the next run, of another role", async () => {
    const first = await run(["dev", "whoami", "-t", world.code()]);
    expect(first).toMatchObject({
      exitCode: 0,
      operations: ["ListMFADevices", "GetCallerIdentity", "AssumeRole", "GetCallerIdentity"],
    });
    expect(first.calls[0]?.parameters).not.toHaveProperty("UserName");
    expect(sentSerials(first)).toEqual([SERIAL]);
    expect(first.said).toContain(
      `MFA device ${SERIAL} was found by iam:ListMFADevices; mfa_serial = ${SERIAL} in the profile parent saves the call\n`,
    );
    expect(remembered()).toEqual([SERIAL]);

    const second = await run(["staging", "whoami", "-t", world.code()]);
    expect(second).toMatchObject({ exitCode: 0, operations: ["AssumeRole", "GetCallerIdentity"] });
    expect(sentSerials(second)).toEqual([SERIAL]);
    expect(second.said).not.toMatch(/ListMFADevices/);
  });

  it("is known before its code is asked for, and the prompt names it", async () => {
    let asked: string[] = [];
    const first = await run("dev whoami", {
      replies: [
        () => {
          asked = world.sandbox.calls.slice(-1).map(({ operation }) => operation ?? "");
          return world.code();
        },
      ],
    });
    expect(first).toMatchObject({ exitCode: 0 });
    expect(asked).toEqual(["ListMFADevices"]);
    expect(first.questions).toEqual([`MFA code for dev (account ${DEV}), device ${SERIAL}: `]);
  });

  it("lies in a 0600 file of its own, under a name that says nothing", async () => {
    await run(["dev", "whoami", "-t", world.code()]);
    const folder = path.join(world.cacheHome, "assume-mfa", "devices");
    const [file = "", ...others] = fs.readdirSync(folder);
    expect(others).toEqual([]);
    expect(file).toMatch(/^[0-9a-f]{64}$/);
    expect(fs.statSync(path.join(folder, file)).mode & 0o777).toBe(0o600);
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("can be a hardware token, whose serial is no ARN", async () => {
    world.device().userName = undefined;
    const token = enrol(TOKEN);
    const found = await run(["dev", "whoami", "-t", codeOf(token)]);
    expect(found).toMatchObject({ exitCode: 0 });
    expect(sentSerials(found)).toEqual([TOKEN]);
  });

  it("is of the user whose keys sign, whatever devices others have", async () => {
    enrol(PHONE, "bob");
    const found = await run(["dev", "whoami", "-t", world.code()]);
    expect(sentSerials(found)).toEqual([SERIAL]);
  });

  it("of keys that no profile names is set by the environment", async () => {
    const [key] = world.user("alice").accessKeys;
    const env = { AWS_ACCESS_KEY_ID: key?.accessKeyId, AWS_SECRET_ACCESS_KEY: key?.secretAccessKey };
    const arn = `arn:aws:iam::${DEV}:role/PrivilegedActionsRole`;
    const found = await run([arn, "whoami", "-t", world.code()], { env });
    expect(found).toMatchObject({ exitCode: 0 });
    expect(found.said).toContain(`; ASSUME_MFA_SERIAL_NUMBER=${SERIAL} saves the call`);
  });

  it("is found once by runs that begin together", async () => {
    const before = world.sandbox.calls.length;
    const code = world.code();
    const runs = await Promise.all([1, 2, 3].map(() => run(["dev", "whoami", "-t", code])));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    const operations = world.sandbox.calls.slice(before).map(({ operation }) => operation);
    expect(operations.filter((operation) => operation === "ListMFADevices")).toHaveLength(1);
    expect(operations.filter((operation) => operation === "AssumeRole")).toHaveLength(1);
  });
});

describe("a passkey or security key, which has no code", () => {
  it("is left out beside a device that shows codes, and that is said", async () => {
    enrol(KEY);
    const found = await run(["dev", "whoami", "-t", world.code()], { replies: [] });
    expect(found).toMatchObject({ exitCode: 0, questions: [] });
    expect(sentSerials(found)).toEqual([SERIAL]);
    expect(found.said).toContain("; left out: 1 passkey or security key, which has no code to send\n");
  });

  it("alone is exit 3, which says so: no question, no other call, nothing remembered", async () => {
    world.device().userName = undefined;
    enrol(KEY);
    enrol(`${KEY}2`);
    const none = await run("dev whoami", { replies: [] });
    expect(none).toMatchObject({ exitCode: 3, stdout: "", operations: ["ListMFADevices"], questions: [] });
    expect(none.said).toMatch(
      /error: no MFA device is known for dev: .*none that shows a code; left out: 2 passkeys or security keys, which have no code to send\n/,
    );
    expect(none.said).toMatch(/hint: a virtual device .* must be enrolled/);
    expect(none.said).toMatch(/hint: .*assume_mfa_required = false/);
    expect(remembered()).toEqual([]);
  });

  it("and a phone that gets codes by SMS, and a kind that nobody knows, are told apart", async () => {
    world.device().userName = undefined;
    // In the order in which they are listed.
    enrol(`arn:aws:iam::${PARENT}:newest-kind/alice`);
    enrol(`arn:aws:iam::${PARENT}:sms-mfa/alice`);
    enrol(KEY);
    const none = await run("dev whoami", { replies: [] });
    expect(none.exitCode).toBe(3);
    expect(none.said).toMatch(
      /left out: 1 device of a kind that STS takes no code of, 1 phone that gets its codes by SMS, .*, 1 passkey .*\n/,
    );
  });
});

describe("several devices", () => {
  beforeEach(() => {
    enrol(TOKEN);
    enrol(KEY);
  });

  it("are asked about before the code is, and the one picked is remembered", async () => {
    const phone = enrol(PHONE);
    const first = await run("dev whoami", { replies: [{ pick: PHONE }, () => codeOf(phone)] });
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.questions).toEqual([
      'Which MFA device for dev, of profile "parent"?',
      `MFA code for dev (account ${DEV}), device ${PHONE}: `,
    ]);
    const [choices] = first.host.picked;
    expect(choices?.map(({ label }) => label)).toEqual([
      `${TOKEN}  hardware token, since 2026-03-05`,
      expect.stringMatching(/^arn:aws:iam::111122223333:mfa\/alice {2}virtual device, since \d{4}-\d{2}-\d{2}$/),
      `${PHONE}  virtual device, since 2026-03-05`,
    ]);
    expect(sentSerials(first)).toEqual([PHONE]);
    expect(first.said).toContain(`mfa_serial = ${PHONE} in the profile parent saves the question; left out: 1 passkey`);
    expect(remembered()).toEqual([PHONE]);

    world.sandbox.moveClock(30_000);
    const second = await run("staging whoami", { replies: [() => codeOf(phone)] });
    expect(second).toMatchObject({ exitCode: 0, operations: expect.not.arrayContaining(["ListMFADevices"]) });
    expect(second.questions).toEqual([`MFA code for staging (account 333333333333), device ${PHONE}: `]);
  });

  it.each([
    ["where there is no terminal", [], {}],
    ["where there is only a dialog for codes", [], { replies: [], canPick: false }],
    ["with --no-input", ["--no-input"], { replies: [] }],
  ] as const)("%s are exit 3, which names them, though a code was given", async (_where, words, options) => {
    const none = await run(["dev", "whoami", "-t", world.code(), ...words], options);
    expect(none).toMatchObject({ exitCode: 3, stdout: "", operations: ["ListMFADevices"], questions: [] });
    expect(none.said).toContain(
      `error: profile "parent" has several MFA devices, and nobody can be asked which: ${TOKEN}, ${SERIAL}; left out: 1 passkey`,
    );
    expect(none.said).toContain(
      `hint: add mfa_serial = ${TOKEN} to the profile parent, or use --serial-number (ASSUME_MFA_SERIAL_NUMBER)\n`,
    );
    expect(remembered()).toEqual([]);
  });

  it("are named in the JSON too", async () => {
    const none = await run(["dev", "whoami", "-t", world.code(), "-o", "json"]);
    expect(none.exitCode).toBe(3);
    expect(JSON.parse(none.stdout)[0].error).toMatchObject({ code: "MFA_SERIAL_MISSING", devices: [TOKEN, SERIAL] });
  });

  it("and nobody who picks (Ctrl-C): nothing is sent or remembered", async () => {
    const ended = await run("dev whoami", { replies: [undefined] });
    expect(ended).toMatchObject({ exitCode: 130, operations: ["ListMFADevices"] });
    expect(remembered()).toEqual([]);
  });

  it("are asked about once by two runs at one terminal", async () => {
    const before = world.sandbox.calls.length;
    const phone = enrol(PHONE);
    const replies = [{ pick: PHONE }, () => codeOf(phone)];
    const runs = await Promise.all([run("dev whoami", { replies }), run("dev whoami", { replies })]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(runs.flatMap(({ questions }) => questions)).toHaveLength(2);
    const operations = world.sandbox.calls.slice(before).map(({ operation }) => operation);
    expect(operations.filter((operation) => operation === "ListMFADevices")).toHaveLength(1);
  });
});

describe("no device", () => {
  it("is exit 3 with what to do, before any question and any other call", async () => {
    world.device().userName = undefined;
    const none = await run("dev whoami", { replies: [] });
    expect(none).toMatchObject({ exitCode: 3, stdout: "", operations: ["ListMFADevices"], questions: [] });
    expect(none.said).toMatch(
      /^assume-mfa: error: no MFA device is known for dev: the user of profile "parent" has none\n/,
    );
    expect(none.said).toMatch(/hint: a virtual device .* must be enrolled for that user\n/);
    expect(none.said).toContain(
      "hint: add mfa_serial = arn:aws:iam::<account>:mfa/<name> to the profile parent, or use --serial-number (ASSUME_MFA_SERIAL_NUMBER)\n",
    );
    expect(none.said).toMatch(/hint: a role that demands no MFA: assume_mfa_required = false\n$/);
  });

  it("is looked for again by the next run: one may have been enrolled", async () => {
    world.device().userName = undefined;
    await run("dev whoami", { replies: [] });
    world.device().userName = "alice";
    expect(await run(["dev", "whoami", "-t", world.code()])).toMatchObject({ exitCode: 0 });
  });
});

describe("a list that IAM does not give", () => {
  it("for want of the permission is exit 3, which names it and what to add", async () => {
    const { inlinePolicies } = world.user("alice");
    const own = inlinePolicies.get("OwnCredentials") ?? "";
    inlinePolicies.delete("OwnCredentials");
    try {
      const denied = await run(["dev", "whoami", "-t", world.code()]);
      expect(denied).toMatchObject({ exitCode: 3, stdout: "" });
      expect(askedOf(denied)).toEqual(["ListMFADevices"]);
      expect(denied.said).toMatch(
        /^assume-mfa: error: no MFA device is known for dev, and iam:ListMFADevices is not allowed: User: .*\n/,
      );
      expect(denied.said).toMatch(
        /hint: add mfa_serial = arn:aws:iam::<account>:mfa\/<name> to the profile parent, or/,
      );
      expect(denied.said).toMatch(/hint: or let the user list their own devices: iam:ListMFADevices on /);
    } finally {
      inlinePolicies.set("OwnCredentials", own);
    }
  });

  it("because everything demands MFA is exit 3: the device must be named", async () => {
    deny({ NotAction: "sts:*", Condition: { BoolIfExists: { "aws:MultiFactorAuthPresent": "false" } } });
    const denied = await run(["dev", "whoami", "-t", world.code()]);
    expect(denied).toMatchObject({ exitCode: 3 });
    expect(askedOf(denied)).toEqual(["ListMFADevices"]);
    expect(denied.said).toMatch(
      /hint: a policy denies iam:ListMFADevices, as one does that demands MFA for every call/,
    );
    expect(denied.said).not.toMatch(/let the user list/);
    const named = await run(["dev", "whoami", "--serial-number", SERIAL, "-t", world.code()]);
    expect(named).toMatchObject({ exitCode: 0, operations: expect.not.arrayContaining(["ListMFADevices"]) });
  });

  it("because the keys are dead is exit 4, before a code is asked for", async () => {
    const [key] = world.user("alice").accessKeys;
    if (key === undefined) throw new Error("no key");
    key.status = "Inactive";
    try {
      const dead = await run("dev whoami", { replies: [] });
      expect(dead).toMatchObject({ exitCode: 4, questions: [] });
      expect(askedOf(dead)).toEqual(["ListMFADevices"]);
      expect(dead.said).toMatch(/AWS does not know the access key AKIA\w+ of profile "parent"/);
    } finally {
      key.status = "Active";
    }
  });
});

describe("a remembered device", () => {
  beforeEach(async () => {
    await run(["dev", "whoami", "-t", world.code()]);
    expect(remembered()).toEqual([SERIAL]);
  });

  it("that STS does not take any more is forgotten, and the next run finds the new one", async () => {
    world.device().userName = undefined;
    const phone = enrol(PHONE);
    const rejected = await run(["staging", "whoami", "-t", codeOf(phone)]);
    expect(rejected).toMatchObject({ exitCode: 4, operations: ["AssumeRole"] });
    expect(rejected.said).toMatch(/forgotten: the next run looks for it again/);
    expect(remembered()).toEqual([]);
    const next = await run(["staging", "whoami", "-t", codeOf(phone)]);
    expect(next).toMatchObject({ exitCode: 0, operations: ["ListMFADevices", "AssumeRole", "GetCallerIdentity"] });
    expect(remembered()).toEqual([PHONE]);
  });

  it("stays when it is the code that is wrong", async () => {
    expect(await run(["staging", "whoami", "-t", world.wrongCode()])).toMatchObject({ exitCode: 4 });
    expect(remembered()).toEqual([SERIAL]);
  });

  it("gives way to one that is named, and stays when that one is rejected", async () => {
    const named = await run(["staging", "whoami", "--serial-number", TOKEN, "-t", world.code()]);
    expect(named).toMatchObject({ exitCode: 4, operations: ["AssumeRole"] });
    expect(sentSerials(named)).toEqual([TOKEN]);
    expect(remembered()).toEqual([SERIAL]);
  });

  it("is another user's for other keys", async () => {
    enrol(PHONE, "bob");
    const other = await run("dev whoami --source-profile bob", { replies: [undefined] });
    expect(other.operations[0]).toBe("ListMFADevices");
    expect(other.questions).toEqual([`MFA code for dev (account ${DEV}), device ${PHONE}: `]);
  });

  it("is none for the same keys at another place", () => {
    const store = makeFileDeviceStore(privateFiles, path.join(world.cacheHome, "assume-mfa"));
    const accessKeyId = world.user("alice").accessKeys[0]?.accessKeyId ?? "";
    expect(store.read(accessKeyId, endpointPlace(world.sandbox.endpoint, "sts"))).toBe(SERIAL);
    expect(store.read(accessKeyId, "aws")).toBeUndefined();
  });

  it("is forgotten with all others", () => {
    const store = makeFileDeviceStore(privateFiles, path.join(world.cacheHome, "assume-mfa"));
    expect(store.clear()).toEqual({ removed: 1, left: [] });
    expect(remembered()).toEqual([]);
  });

  it("is none where nothing can be kept", () => {
    const store = makeFileDeviceStore(privateFiles, undefined);
    store.write("AKIAIOSFODNN7EXAMPLE", "aws", SERIAL);
    expect(store.read("AKIAIOSFODNN7EXAMPLE", "aws")).toBeUndefined();
    store.remove("AKIAIOSFODNN7EXAMPLE", "aws");
    expect(store.clear()).toEqual({ removed: 0, left: [] });
  });

  it("that was damaged is looked for again", async () => {
    const folder = path.join(world.cacheHome, "assume-mfa", "devices");
    for (const name of fs.readdirSync(folder)) fs.writeFileSync(path.join(folder, name), "\u001b[31mnone\n");
    const found = await run(["staging", "whoami", "-t", world.code()]);
    expect(found).toMatchObject({ exitCode: 0, operations: ["ListMFADevices", "AssumeRole", "GetCallerIdentity"] });
    expect(remembered()).toEqual([SERIAL]);
  });
});

describe("nobody looks for a device", () => {
  it("when the cache serves", async () => {
    await run(["dev", "whoami", "-t", world.code()]);
    fs.rmSync(path.join(world.cacheHome, "assume-mfa", "devices"), { recursive: true });
    expect(await run("dev whoami")).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity"] });
  });

  it("when the role demands no code", async () => {
    const env = world.configFile(
      `[profile parent]\n${ROLES.replaceAll("region", "assume_mfa_required = false\nregion")}`,
    );
    const plain = await run("dev whoami", { env, replies: [] });
    expect(plain.operations).toEqual(["GetCallerIdentity", "AssumeRole"]);
    expect(sentSerials(plain)).toEqual([undefined]);
  });

  it.each(["targets", "status", "status dev", "--help"])("by %s", async (argv) => {
    expect(await run(argv, { replies: [] })).toMatchObject({ exitCode: 0, operations: [], questions: [] });
  });

  it("before a malformed code is refused", async () => {
    expect(await run("dev whoami -t 12345")).toMatchObject({ exitCode: 2, operations: [] });
  });
});

describe("--no-cache", () => {
  it("neither reads nor writes what is remembered", async () => {
    const first = await run(["dev", "whoami", "--no-cache", "-t", world.code()]);
    expect(first).toMatchObject({ exitCode: 0 });
    expect(remembered()).toEqual([]);
    await run(["dev", "whoami", "-t", world.code()]);
    const again = await run(["dev", "whoami", "--no-cache", "-t", world.code()]);
    expect(again).toMatchObject({ exitCode: 0, operations: ["ListMFADevices", "AssumeRole", "GetCallerIdentity"] });
  });

  it("does not forget it either, when STS rejects the one that was found", async () => {
    await run(["dev", "whoami", "-t", world.code()]);
    const unassigned = () => {
      const code = world.code();
      world.device().userName = undefined;
      return code;
    };
    const rejected = await run("dev whoami --no-cache", { replies: [unassigned] });
    expect(rejected).toMatchObject({
      exitCode: 4,
      operations: expect.arrayContaining(["ListMFADevices", "AssumeRole"]),
    });
    expect(remembered()).toEqual([SERIAL]);
  });
});

describe("signing in for the day", () => {
  it("finds the device of the source profile, before its code is asked for", async () => {
    const signedIn = await run("login --source-profile parent", { replies: [() => world.code()] });
    expect(signedIn).toMatchObject({ exitCode: 0, operations: expect.arrayContaining(["GetSessionToken"]) });
    expect(signedIn.operations[0]).toBe("ListMFADevices");
    expect(signedIn.questions).toEqual([`MFA code for profile "parent", device ${SERIAL}: `]);
    expect(remembered()).toEqual([SERIAL]);
  });

  it("asks which, of whom, or says that there is none", async () => {
    enrol(TOKEN);
    const ended = await run("login --source-profile parent", { replies: [undefined] });
    expect(ended).toMatchObject({ exitCode: 130, operations: ["ListMFADevices"] });
    expect(ended.questions).toEqual(['Which MFA device of profile "parent"?']);
    const none = await run("login --source-profile bob", { replies: [] });
    expect(none.said).not.toContain("assume_mfa_required");
    expect(none).toMatchObject({ exitCode: 3, operations: ["ListMFADevices"] });
    expect(none.said).toMatch(/error: no MFA device is known for profile "bob": its user has none\n/);
  });

  it("forgets a remembered device that STS does not take any more", async () => {
    await run(["dev", "whoami", "-t", world.code()]);
    world.device().userName = undefined;
    const phone = enrol(PHONE);
    const rejected = await run(["login", "--source-profile", "parent", "-t", codeOf(phone)]);
    expect(rejected).toMatchObject({ exitCode: 4, operations: ["GetSessionToken"] });
    expect(remembered()).toEqual([]);
  });
});
