import type { ActionScope } from "../../src/actions/action.ts";
import { parseRoleArn } from "../../src/aws/arn.ts";
import { DIRECT_CONNECTION } from "../../src/aws/client-settings.ts";
import type { Credentials } from "../../src/credentials/credentials.ts";
import { InterruptedError, type InterruptSignal } from "../../src/errors.ts";
import type { Interrupts } from "../../src/host/host.ts";
import type { Target } from "../../src/target/target.ts";
import type { FakeClock } from "./fake-clock.ts";

/** Interrupts that a test raises itself, and that remember how often they were held and released. */
export interface TestInterrupts extends Pick<Interrupts, "signal" | "isHeld" | "hold"> {
  raise(signal: InterruptSignal): void;
  /** How often they were held so far. */
  readonly holds: number;
}

export function makeTestInterrupts(): TestInterrupts {
  const controller = new AbortController();
  let held = 0;
  let holds = 0;
  return {
    signal: controller.signal,
    get isHeld() {
      return held > 0;
    },
    get holds() {
      return holds;
    },
    hold() {
      held++;
      holds++;
      return () => {
        held--;
      };
    },
    raise(signal) {
      controller.abort(new InterruptedError(signal));
    },
  };
}

export interface TestScopeOptions {
  readonly accountId: string;
  readonly credentials: Credentials;
  readonly endpoint: string | undefined;
  readonly clock: FakeClock;
  readonly region?: string;
}

export interface TestScope extends ActionScope {
  readonly interrupts: TestInterrupts;
}

/** A scope as the command line would make it, for the role of one account. */
export function makeTestScope(options: TestScopeOptions): TestScope {
  const { accountId, credentials, endpoint, clock, region = "us-east-1" } = options;
  const origin = { kind: "default", reason: "a test" } as const;
  const role = parseRoleArn(`arn:aws:iam::${accountId}:role/PrivilegedActionsRole`);
  if (role === undefined) throw new Error(`no account id: ${accountId}`);
  const target: Target = {
    name: "dev",
    profileName: "dev",
    role: { value: role, origin },
    source: { kind: "keys", label: 'profile "parent"', profileName: "parent", credentials, origin },
    sourceNamedBy: origin,
    mfaSerial: undefined,
    mfaRequired: { value: true, origin },
    mfaProcess: undefined,
    externalId: undefined,
    roleSessionName: undefined,
    durationSeconds: undefined,
    sourceIdentity: undefined,
    sessionTags: [],
    sessionPolicy: undefined,
    policyArns: [],
    region: { value: region, origin },
    endpoints: {},
    useFipsEndpoint: { value: false, origin },
    useDualstackEndpoint: { value: false, origin },
    connection: DIRECT_CONNECTION,
    confirm: { value: "prompt", origin },
    scope: { value: "role", origin },
    cache: { value: "none", origin },
    sessionMode: { value: "auto", origin },
    sharedDurationSeconds: { value: 28_800, origin },
    shareAwsCli: { value: false, origin },
    awsCliRequest: { obstacle: "a test's own" },
  };
  return {
    target,
    accountId,
    region: { value: region, origin },
    clientSettings: (_service, maxAttempts) => ({
      region,
      endpoint,
      credentials,
      useFipsEndpoint: false,
      useDualstackEndpoint: false,
      connection: DIRECT_CONNECTION,
      maxAttempts,
    }),
    clock,
    interrupts: makeTestInterrupts(),
  };
}
