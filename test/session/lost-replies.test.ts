import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEV_ROLE, openCliWorld, type Run, type RunOptions } from "../support/cli-world.ts";
import { CUT_POINTS, type Fault, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

// A reply that is lost after a code was sent (ACCEPTANCE.md M4, M5): whatever the network does and however often the
// program is run, a code reaches STS once.

const world = await openCliWorld();
let proxy: FaultProxy;
beforeEach(async () => {
  world.newCache();
  proxy = await startFaultProxy(world.sandbox.endpoint);
  // The caller is known: a run's first call carries the code.
  await world.login("prod");
});
afterEach(async () => {
  vi.useRealTimers();
  await proxy.close();
});

const through = (): RunOptions => ({ env: { AWS_ENDPOINT_URL: proxy.url, ASSUME_MFA_SANDBOX: undefined } });
const sent = (operation: string) => proxy.calls.filter((call) => call.operation === operation).length;

/** How often each code reached the sandbox, in whichever call: it remembers them by a tag. */
function arrivals(from: number): number[] {
  const counts = new Map<unknown, number>();
  for (const { parameters } of world.sandbox.calls.slice(from)) {
    const { TokenCode: tag } = parameters;
    if (tag !== undefined) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return [...counts.values()];
}

/** An address at which the sandbox answers or nobody does. */
async function makeLine() {
  const upstream = Number(new URL(world.sandbox.endpoint).port);
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  const listen = async () => {
    server = createServer((socket) => {
      const onward = connect(upstream, "127.0.0.1");
      for (const each of [socket, onward]) sockets.add(each.on("error", () => undefined));
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server?.close(() => resolve()));
  };
  await listen();
  await close();
  return { port, listen, close };
}

const FAULTS: readonly [string, Fault][] = [
  ...CUT_POINTS.map((at): [string, Fault] => [`cut at: ${at}`, { kind: "cut-reply", at }]),
  ["a request that is read and dropped", { kind: "lose-request" }],
  ["a truncated body", { kind: "truncate-body" }],
  ["HTTP 500 after it was done", { kind: "answer", status: 500, body: "<x/>", forward: true }],
  ["HTTP 503 after it was done", { kind: "answer", status: 503, body: "", forward: true }],
  ["HTTP 502 in its place", { kind: "answer", status: 502, body: "<html>bad gateway</html>", forward: false }],
  [
    "truncated XML",
    { kind: "answer", status: 200, body: "<AssumeRoleResponse><AssumeRoleResult><Cred", forward: true },
  ],
  ["a web page", { kind: "answer", status: 200, body: "<html><p>welcome</p></html>", forward: true }],
];
const OPERATIONS = [
  ["AssumeRole", "--direct"],
  ["GetSessionToken", "--shared"],
] as const;

describe.each(OPERATIONS)("a lost reply of %s", (operation, route) => {
  const run = (words: readonly string[], options: RunOptions): Promise<Run> =>
    world.run(["dev", "login", route, ...words], options);

  it.each(FAULTS)("%s: the code may be spent, and is never sent again", async (_what, fault) => {
    const code = world.code();
    const from = world.sandbox.calls.length;
    proxy.break(operation, fault);
    const first = await run(["-t", code], through());
    expect(first).toMatchObject({ exitCode: 1, stdout: "" });
    expect(first.said).toMatch(new RegExp(`^assume-mfa: error: ${operation}.*\n.*hint: .*code may be used up`));
    expect(first.said).not.toMatch(/not accepted|mistyped/);
    expect(sent(operation)).toBe(1);
    // The network is well again, and the same command is run again, and for another target, and by another route.
    const again = await run(["-t", code], through());
    expect(again).toMatchObject({ exitCode: 7, stdout: "", operations: [] });
    expect(again.said).toMatch(/was already sent, .* and works once: the device shows the next in \d+ s\n/);
    for (const other of OPERATIONS.map(([, each]) => each)) {
      const elsewhere = await world.run(["staging", "login", other, "-t", code], through());
      expect(elsewhere).toMatchObject({ exitCode: 7, operations: [] });
    }
    expect(sent(operation)).toBe(1);
    // The next one works.
    expect(await run(["-t", world.code()], through())).toMatchObject({ exitCode: 0 });
    expect(arrivals(from).every((count) => count === 1)).toBe(true);
    expect(arrivals(from).length).toBeGreaterThanOrEqual(1);
  });

  it("no answer in 15 s: the same", async () => {
    const code = world.code();
    const from = world.sandbox.calls.length;
    proxy.break(operation, { kind: "silence" });
    // The SDK's limits are timers: they are run down without waiting for them.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const arrived = new Promise<void>((resolve) => proxy.whenAsked(operation, resolve));
    const running = run(["-t", code], through());
    await arrived;
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await running).toMatchObject({ exitCode: 1, stdout: "" });
    vi.useRealTimers();
    expect(await run(["-t", code], through())).toMatchObject({ exitCode: 7, operations: [] });
    expect(arrivals(from)).toEqual([1]);
  });

  it("at the prompt: says that the code may be spent, counts down, and takes the next in the same run", async () => {
    world.code();
    world.sandbox.moveClock(30_000 - (world.sandbox.now() % 30_000) + 1_000);
    proxy.break(operation, { kind: "cut-reply", at: "body" });
    const codes: string[] = [];
    const show = () => {
      codes.push(world.watch(world.sandbox.currentCode()));
      return codes.at(-1);
    };
    const from = world.sandbox.calls.length;
    const asked = await run([], { ...through(), replies: [show, show] });
    expect(asked).toMatchObject({ exitCode: 0, questions: [expect.stringMatching(/^MFA code for /), "MFA code: "] });
    expect(asked.screen).toMatch(/: no usable answer came, so that code may be spent\n\r.*next code in \d+ s/);
    expect(new Set(codes).size).toBe(2);
    expect(arrivals(from)).toEqual([1, 1]);
    expect(sent(operation)).toBe(2);
  });

  it("at the prompt, over and over: three more are asked for, and then it is exit 1", async () => {
    proxy.break(operation, { kind: "lose-request" }, 9);
    const codes: string[] = [];
    const show = () => {
      codes.push(world.watch(world.sandbox.currentCode()));
      return codes.at(-1);
    };
    world.code();
    const asked = await run([], { ...through(), replies: [show, show, show, show] });
    expect(asked).toMatchObject({ exitCode: 1, stdout: "" });
    expect(new Set(codes).size).toBe(4);
    expect(sent(operation)).toBe(4);
    expect(asked.stderr).toMatch(/the token code may be used up/);
  });

  it("with a secret is reported as what it is, and the next run waits for the next code", async () => {
    const ASSUME_MFA_TOTP_SECRET = world.device().secret;
    const options = { env: { ...through().env, ASSUME_MFA_TOTP_SECRET, CI: "true" } };
    world.code();
    world.sandbox.moveClock(30_000);
    const from = world.sandbox.calls.length;
    proxy.break(operation, { kind: "cut-reply", at: "headers" });
    expect(await run([], options)).toMatchObject({ exitCode: 1, stdout: "" });
    expect(sent(operation)).toBe(1);
    const again = await run([], options);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.said).toMatch(/was already sent, .*, and works once: the next is sent in \d+ s/);
    expect(arrivals(from)).toEqual([1, 1]);
  });

  it("that is refused for another reason leaves the code spent", async () => {
    const code = world.code();
    const wrongDevice = ["--serial-number", "arn:aws:iam::111122223333:mfa/nobody", "-t", code];
    expect(await run(wrongDevice, through())).toMatchObject({ exitCode: 4 });
    expect(await run(wrongDevice, through())).toMatchObject({ exitCode: 7, operations: [] });
    // Of the right device it was never one.
    expect(await run(["-t", code], through())).toMatchObject({ exitCode: 0 });
  });
});

describe.each(OPERATIONS)("what never left this machine, before %s", (operation, route) => {
  const closed: RunOptions = { env: { AWS_ENDPOINT_URL: "http://127.0.0.1:9", ASSUME_MFA_SANDBOX: undefined } };

  it("a refused connection spends no code: it can be used again at once", async () => {
    const { port, listen, close } = await makeLine();
    const code = world.code();
    const from = world.sandbox.calls.length;
    const options: RunOptions = {
      env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, ASSUME_MFA_SANDBOX: undefined },
    };
    // Whose keys these are is known at this address, too.
    await listen();
    expect(await world.run(["prod", "login", "--refresh", "-t", world.wrongCode()], options)).toMatchObject({
      exitCode: 4,
    });
    await close();
    for (let times = 0; times < 2; times += 1) {
      const run = await world.run(["dev", "login", route, "-t", code], options);
      expect(run).toMatchObject({ exitCode: 1, stdout: "", operations: [] });
      expect(run.said).toMatch(/can't be reached: the connection was refused/);
      expect(run.said).not.toMatch(/used up|already sent/);
    }
    await listen();
    const run = await world.run(["dev", "login", route, "-t", code], options);
    await close();
    expect(run).toMatchObject({ exitCode: 0, operations: expect.arrayContaining([operation]) });
    // The wrong one and this one.
    expect(arrivals(from)).toEqual([1, 1]);
  });

  it("nor does one at the prompt, which ends with the network's reason", async () => {
    const code = world.code();
    const run = await world.run(["dev", "login", route], { ...closed, replies: [code] });
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.questions).toHaveLength(1);
    expect(await world.run(["dev", "login", route, "-t", code], closed)).toMatchObject({ exitCode: 1 });
  });

  it("a lost answer to the question who calls is no code lost", async () => {
    world.newCache(); // nobody is known: it is asked first
    proxy.break("GetCallerIdentity", { kind: "cut-reply", at: "body" });
    const code = world.code();
    const run = await world.run(["dev", "login", "--direct", "-t", code], through());
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.said).toContain("no code was sent; try again");
    expect(await world.run(["dev", "login", "--direct", "-t", code], through())).toMatchObject({ exitCode: 0 });
  });

  it("nor is a code spoken of where none is in question", async () => {
    world.newCache();
    proxy.break("GetCallerIdentity", { kind: "cut-reply", at: "body" });
    const { env } = through();
    const plain = world.configWith(
      `\n[profile plain]\nrole_arn = ${DEV_ROLE}\nsource_profile = parent\nassume_mfa_required = false\n`,
    );
    const run = await world.run(["plain", "login", "--no-input"], { env: { ...env, ...plain } });
    expect(run).toMatchObject({ exitCode: 1, stdout: "" });
    expect(run.said).toMatch(
      /error: GetCallerIdentity got no usable answer: .*\n.*hint: nothing was done; try again\n/,
    );
    expect(run.said).not.toMatch(/code/);
  });
});
