import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import { privateFiles } from "../../src/host/private-files.ts";
import { makeFileDeviceStore } from "../../src/session/device-store.ts";
import { findDevice } from "../../src/session/find-device.ts";
import { makeIamClient } from "../../src/session/iam-client.ts";
import type { SignIn } from "../../src/target/target.ts";
import { DEV, openCliWorld, PARENT, type Run, SERIAL } from "../support/cli-world.ts";
import { isMotoInstalled, type MotoServer, startMotoServer } from "../support/moto-server.ts";

// What answers as IAM may be anything: a hotel's page, an emulator, somebody who wants to see what is done with a serial.

const world = await openCliWorld();
const config = world.configFile(
  `[profile parent]\nregion = us-east-1\n[profile dev]\nrole_arn = arn:aws:iam::${DEV}:role/PrivilegedActionsRole\nsource_profile = parent\nregion = us-east-1\n`,
);

interface Answer {
  readonly status?: number;
  readonly body: string;
}

let server: Server;
let url: string;
let asked: string[] = [];
let answer: (call: number) => Answer | undefined;

beforeEach(async () => {
  world.newCache();
  asked = [];
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      // Whether it is a sandbox is asked first, without a word of the user's.
      if (request.url === "/_assume-mfa/sandbox") return response.writeHead(404).end();
      asked.push(body);
      const given = answer(asked.length);
      if (given === undefined) return request.socket.destroy();
      return response.writeHead(given.status ?? 200, { "content-type": "text/xml" }).end(given.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function list(serials: readonly string[], more = "<IsTruncated>false</IsTruncated>"): Answer {
  const members = serials.map((serial) => `<member><SerialNumber>${serial}</SerialNumber></member>`).join("");
  return {
    body: `<ListMFADevicesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListMFADevicesResult><MFADevices>${members}</MFADevices>${more}</ListMFADevicesResult></ListMFADevicesResponse>`,
  };
}

function fault(status: number, code: string, message: string): Answer {
  return {
    status,
    body: `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>8a4f5bd1</RequestId></ErrorResponse>`,
  };
}

/** STS is the sandbox's, IAM is the server here; a code is given, so that nothing is missing but the device. */
function signIn(words: readonly string[] = [], env = {}): Promise<Run> {
  return world.run(["dev", "whoami", "-t", world.code(), ...words], {
    env: { ...config, AWS_ENDPOINT_URL_IAM: url, ASSUME_MFA_SANDBOX: undefined, ...env },
  });
}

describe("a list", () => {
  it("of pages is read to its end, each device once", async () => {
    const pages = [
      list(
        [`arn:aws:iam::${PARENT}:u2f/user/alice/key`, SERIAL],
        "<IsTruncated>true</IsTruncated><Marker>two</Marker>",
      ),
      list([SERIAL, `arn:aws:iam::${PARENT}:u2f/user/alice/key`], "<IsTruncated>false</IsTruncated>"),
    ];
    answer = (call) => pages[call - 1];
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 0, operations: ["GetCallerIdentity", "AssumeRole", "GetCallerIdentity"] });
    expect(asked.map((body) => /Marker=(\w+)/.exec(body)?.[1])).toEqual([undefined, "two"]);
    expect(run.said).toContain(`MFA device ${SERIAL} was found by iam:ListMFADevices`);
    expect(run.said).toContain("left out: 1 passkey or security key");
  });

  it.each(["same", ""])(
    "without an end is none: after ten pages, exit 1 and no code sent (marker %j)",
    async (marker) => {
      answer = (call) =>
        list([SERIAL], `<IsTruncated>true</IsTruncated><Marker>${marker === "" ? `m${call}` : marker}</Marker>`);
      const run = await signIn();
      expect(run).toMatchObject({ exitCode: 1, stdout: "", operations: [] });
      expect(asked).toHaveLength(10);
      expect(run.said).toMatch(/error: what answers as IAM at http:\/\/127\.0\.0\.1:\d+ is not IAM\n/);
      expect(run.said).toContain("hint: check the endpoint, set by AWS_ENDPOINT_URL_IAM\n");
    },
  );

  it("of serials that STS would not take is of no use: nothing of them is shown or sent", async () => {
    answer = () =>
      list([
        "arn:aws:iam::111122223333:mfa/&#x1b;]0;owned&#x7;",
        "GAHT12345678&#xa;assume-mfa: error: forged",
        "GAHT1234 5678",
        `GAHT${"9".repeat(300)}`,
        "&#x202e;8765432THAG",
        "",
      ]);
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [] });
    expect(run.said).toMatch(/left out: 6 devices of kinds that STS takes no code of\n/);
    expect(run.stderr).not.toMatch(/owned|forged|9999/);
  });

  it("of many names only some", async () => {
    answer = () => list(Array.from({ length: 5_000 }, (_, at) => `GAHT${100_000 + at}`));
    const run = await signIn(["--no-input"]);
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.said).toMatch(/which: (?:GAHT\d+, ){7}GAHT\d+ and 4992 more\n/);
  });
});

const PAGE =
  "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Welcome<br>to the hotel</p></body></html>";
const XHTML = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>Welcome</p></body></html>';

describe("where IAM should be", () => {
  it.each<[string, Answer]>([
    ["a page", { body: PAGE }],
    ["a page that is XML", { body: XHTML }],
    ["words", { body: "welcome" }],
    ["nothing", { body: "" }],
    ["JSON", { body: '{"MFADevices":[]}' }],
    ["a page, forbidden", { status: 403, body: PAGE }],
    ["a page, not found", { status: 404, body: PAGE }],
    ["a gateway without its server", { status: 502, body: PAGE }],
  ])("%s is exit 1, not a user without devices: no code is sent", async (_what, given) => {
    answer = () => given;
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 1, stdout: "", operations: [] });
    expect(run.said).toMatch(/error: .*IAM at http:\/\/127\.0\.0\.1:\d+/);
    expect(run.said).toMatch(/hint: .*add mfa_serial = arn:aws:iam::<account>:mfa\/<name> to the profile parent/);
    for (const body of asked) expect(body).toBe("Action=ListMFADevices&Version=2010-05-08");
  });

  it("a cut connection is exit 1 after three tries", async () => {
    answer = () => undefined;
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 1, operations: [] });
    expect(asked).toHaveLength(3);
  });

  it("nobody is exit 1, which says who set the endpoint", async () => {
    await new Promise((resolve) => server.close(resolve));
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 1, operations: [] });
    expect(run.said).toMatch(/error: IAM at http:\/\/127\.0\.0\.1:\d+ can't be reached: the connection was refused\n/);
    expect(run.said).toContain("hint: check the endpoint, set by AWS_ENDPOINT_URL_IAM\n");
    expect(run.said).toMatch(/hint: without IAM: add mfa_serial = /);
  });
});

describe("a refusal", () => {
  it.each([
    [404, "NoSuchEntity", "The user with name mfa cannot be found."],
    [400, "InvalidAction", "Could not find operation ListMFADevices for version 2010-05-08"],
    [400, "ValidationError", "Must specify userName when calling with non-User credentials"],
    [400, "SomethingNew", "&#x1b;[31mred&#x202e;"],
  ])("%i %s is exit 3: the device must be named", async (status, code, message) => {
    answer = () => fault(status, code, message);
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 3, stdout: "", operations: [] });
    expect(asked).toHaveLength(1);
    expect(run.said).toMatch(
      new RegExp(`error: no MFA device is known for dev, and iam:ListMFADevices was refused: ${code}`),
    );
    expect(run.said).toMatch(/hint: add mfa_serial = /);
  });

  it("by a service control policy is an explicit deny like others", async () => {
    const denied = `User: arn:aws:iam::${PARENT}:user/alice is not authorized to perform: iam:ListMFADevices on resource: user alice with an explicit deny in a service control policy`;
    answer = () => fault(403, "AccessDenied", denied);
    const run = await signIn();
    expect(run.exitCode).toBe(3);
    expect(run.said).toMatch(/hint: a policy denies iam:ListMFADevices/);
  });

  it("of unknown keys is exit 4, of an unfit secret too", async () => {
    answer = () => fault(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    expect((await signIn()).exitCode).toBe(4);
    answer = () =>
      fault(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
      );
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 4, operations: [] });
    expect(run.said).toMatch(/the secret key of profile "parent" \(AKIA\w+\) does not fit/);
  });

  it("for being called too often is exit 1, after three tries", async () => {
    answer = () => fault(400, "Throttling", "Rate exceeded");
    const run = await signIn();
    expect(run).toMatchObject({ exitCode: 1, operations: [] });
    expect(asked).toHaveLength(3);
  });
});

describe("keys of an emulator", () => {
  it("are not sent to AWS: where only STS is on this machine, IAM is not asked", async () => {
    const env = {
      AWS_ENDPOINT_URL: undefined,
      AWS_ENDPOINT_URL_STS: world.sandbox.endpoint,
      AWS_ENDPOINT_URL_IAM: undefined,
    };
    const run = await signIn([], env);
    expect(run).toMatchObject({ exitCode: 3, operations: [] });
    expect(run.said).toMatch(
      /IAM is not asked: STS is on this machine \(AWS_ENDPOINT_URL_STS\), and no endpoint is set/,
    );
    expect(run.said).toMatch(/hint: or set AWS_ENDPOINT_URL, or AWS_ENDPOINT_URL_IAM\n/);
  });
});

describe("IAM's address", () => {
  const origin = { kind: "default", reason: "a test" } as const;
  it.each([
    ["aws", "us-east-1"],
    ["aws-cn", "cn-north-1"],
    ["aws-us-gov", "us-gov-west-1"],
  ])("is the one of the partition %s, in whichever region STS is called", async (partition, region) => {
    answer = () => list(["GAHT12345678"]);
    const place: SignIn = {
      forWhom: "dev",
      partition,
      source: {
        kind: "keys",
        label: 'profile "parent"',
        profileName: "parent",
        origin,
        credentials: new Credentials({
          accessKeyId: "AKIAIOSFODNN7EXAMPLE",
          secretAccessKey: crypto.randomUUID(),
        }),
      },
      mfaSerial: undefined,
      mfaProcess: undefined,
      region: { value: "eu-central-1", origin },
      endpoints: {},
      useFipsEndpoint: { value: true, origin },
      useDualstackEndpoint: { value: true, origin },
      connection: DIRECT_CONNECTION,
      sharedDurationSeconds: { value: 3600, origin },
    };
    const settings: unknown[] = [];
    const host = world.makeHost([]);
    const found = await findDevice(
      place,
      { mayAsk: false, noCache: true },
      {
        host,
        devices: {
          read: () => undefined,
          write: () => undefined,
          remove: () => undefined,
          clear: () => ({ removed: 0, left: [] }),
        },
        locks: { tryAcquire: () => ({ release: () => undefined }) },
        note: () => undefined,
        async loadIamClient(given) {
          settings.push(given);
          return makeIamClient({ ...given, endpoint: url, useFipsEndpoint: false, useDualstackEndpoint: false });
        },
      },
    );
    expect(found).toEqual({ serial: "GAHT12345678" });
    expect(settings).toMatchObject([
      { region, endpoint: undefined, useFipsEndpoint: true, useDualstackEndpoint: true },
    ]);
  });
});

describe("a device that IAM of another place told", () => {
  const origin = { kind: "option", option: "--endpoint-url" } as const;
  const REAL = SERIAL;
  const FALSE_ONE = "GAHT66666666";
  const FAR_STS = "https://sts.example";

  /** Who answers as IAM at which address. */
  let serials: Readonly<Record<string, string>>;
  let lookUps: string[];
  beforeEach(() => {
    serials = { "": REAL };
    lookUps = [];
  });

  function find(endpoints: { readonly sts?: string; readonly iam?: string }, noCache = false) {
    const at = (value: string | undefined) => (value === undefined ? undefined : { value, origin });
    const signIn: SignIn = {
      forWhom: "dev",
      partition: "aws",
      source: {
        kind: "keys",
        label: 'profile "parent"',
        profileName: "parent",
        origin,
        credentials: new Credentials({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "a-secret" }),
      },
      mfaSerial: undefined,
      mfaProcess: undefined,
      region: { value: "us-east-1", origin },
      endpoints: Object.fromEntries(
        Object.entries(endpoints).flatMap(([service, value]) => {
          const endpoint = at(value);
          return endpoint === undefined ? [] : [[service, endpoint]];
        }),
      ),
      useFipsEndpoint: { value: false, origin },
      useDualstackEndpoint: { value: false, origin },
      connection: DIRECT_CONNECTION,
      sharedDurationSeconds: { value: 3600, origin },
    };
    return findDevice(
      signIn,
      { mayAsk: false, noCache },
      {
        host: world.makeHost([]),
        devices: makeFileDeviceStore(privateFiles, path.join(world.cacheHome, "assume-mfa")),
        locks: { tryAcquire: () => ({ release: () => undefined }) },
        note: () => undefined,
        async loadIamClient({ endpoint = "", ...settings }) {
          lookUps.push(endpoint);
          answer = () => list([serials[endpoint] ?? ""]);
          return makeIamClient({ ...settings, endpoint: url });
        },
      },
    );
  }

  it.each<[string, { sts?: string; iam: string }, { sts?: string; iam?: string }]>([
    ["for AWS", { iam: "https://iam.example" }, {}],
    ["for another IAM", { iam: "https://iam.example" }, { iam: "https://iam2.example" }],
    ["for AWS, if it was this machine's", { iam: "http://localhost:4566" }, {}],
    ["for the same STS", { sts: FAR_STS, iam: "https://iam.example" }, { sts: FAR_STS }],
  ])("is none %s", async (_, told, next) => {
    serials = { "": REAL, "https://iam2.example": REAL, [told.iam]: FALSE_ONE };
    expect(await find(told)).toEqual({ serial: FALSE_ONE });
    expect(await find(next)).toEqual({ serial: REAL });
    expect(lookUps).toEqual([told.iam, next.iam ?? ""]);
  });

  it.each<[string, { sts?: string; iam?: string }, { sts?: string; iam?: string }]>([
    ["by AWS", {}, { iam: "https://iam.amazonaws.com/", sts: "https://sts.eu-west-1.amazonaws.com" }],
    ["by the same IAM", { iam: "https://iam.example" }, { iam: "https://IAM.example/" }],
    [
      "by an emulator",
      { sts: "http://localhost:4566", iam: "http://localhost:4566" },
      { sts: "http://127.0.0.1:4566/", iam: "http://[::1]:4566" },
    ],
    [
      "by an emulator of two ports",
      { sts: "http://localhost:4566", iam: "http://localhost:4567" },
      { sts: "http://localhost:4566", iam: "http://localhost:4567" },
    ],
  ])("%s is remembered", async (_, first, next) => {
    serials = { [first.iam ?? ""]: REAL };
    expect(await find(first)).toEqual({ serial: REAL });
    expect(await find(next)).toEqual({ serial: REAL });
    expect(lookUps).toHaveLength(1);
  });

  it.each([{}, { sts: FAR_STS }])("is not remembered from this machine's IAM, with STS elsewhere: %j", async (sts) => {
    const told = { ...sts, iam: "http://127.0.0.1:4566" };
    serials = { [told.iam]: FALSE_ONE };
    await find(told);
    expect(existsSync(path.join(world.cacheHome, "assume-mfa", "devices"))).toBe(false);
    serials = { [told.iam]: REAL };
    expect(await find(told)).toEqual({ serial: REAL });
  });
});

describe.skipIf(!isMotoInstalled())("against moto", () => {
  let moto: MotoServer;
  beforeAll(async () => {
    moto = await startMotoServer();
  });
  afterAll(() => moto?.stop());

  it("keys that are nobody's there are exit 3, which says that IAM refused", async () => {
    const run = await signIn([], { AWS_ENDPOINT_URL: moto.url, AWS_ENDPOINT_URL_IAM: undefined });
    expect(run.exitCode).toBe(3);
    expect(run.said).toMatch(/and iam:ListMFADevices was refused: NoSuchEntityException: /);
    expect(run.said).toMatch(/hint: add mfa_serial = /);
  });
});
