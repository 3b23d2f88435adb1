import { authenticate, type Caller, type ServerClock } from "./authenticate.ts";
import { AwsFault } from "./aws-fault.ts";
import type { Invocation, SandboxSettings, Service } from "./call.ts";
import type { CallLog } from "./call-log.ts";
import { dynamoDbService } from "./dynamodb.ts";
import { ec2Service } from "./ec2.ts";
import type { FaultTable, OperationFault } from "./fault.ts";
import { iamService } from "./iam.ts";
import { stsService } from "./sts.ts";
import type { WireOutcome, WireRequest, WireResponse } from "./wire.ts";
import { findAccessKey, type World } from "./world.ts";

const SERVICES: readonly Service[] = [stsService, iamService, ec2Service, dynamoDbService];

/** Of all services. */
export const OPERATION_NAMES: ReadonlySet<string> = new Set(SERVICES.flatMap(({ operationNames }) => operationNames));

const VERSION_SERVICES: Readonly<Record<string, Service>> = {
  "2011-06-15": stsService,
  "2010-05-08": iamService,
  "2016-11-15": ec2Service,
};

/** What a call is answered from, beside the request itself. */
export interface AnswerInput {
  readonly world: World;
  readonly log: CallLog;
  readonly settings: SandboxSettings;
  readonly faults: FaultTable;
  /** The world's time, milliseconds since 1970. */
  readonly nowMs: number;
  readonly serverClock: ServerClock;
}

/**
 * The whole way of a call: request → service → operation → principal → permission → answer. What is wrong on the way is
 * told in the words and the format of the service that was meant. Never throws.
 */
export function answer(request: WireRequest, input: AnswerInput): Answer {
  const service = chooseService(request);
  const requestId = service.makeRequestId();
  let invocation: Invocation | undefined;
  let caller: Caller | undefined;
  let fault: OperationFault | undefined;
  let response: WireResponse;
  let errorCode: string | undefined;
  try {
    invocation = service.read(request);
    fault = input.faults.take(invocation.operation);
    if (fault?.kind === "throttle") throw service.throttled;
    if (fault?.kind === "5xx" || fault?.kind === "silent") throw service.failed;
    const authentication = authenticate({ request, service: service.name, ...input });
    if (authentication.problem !== undefined) throw service.describeProblem(authentication.problem);
    caller = authentication;
    response = invocation.run({ ...input, ...caller, requestId, userAgent: request.headers.get("user-agent") });
    noteKeyUse(input, caller, service);
    if (fault?.kind === "late-5xx") throw service.failed;
  } catch (error) {
    const told = error instanceof AwsFault ? error : new AwsFault("InternalFailure", describeDefect(error), 500);
    errorCode = told.code;
    response = service.formatFault(told, requestId);
  }
  input.log.add(
    {
      atMs: input.nowMs,
      service: service.name,
      operation: invocation?.operation,
      accessKeyId: caller?.principal.accessKeyId,
      region: caller?.region,
      parameters: invocation?.parameters ?? {},
      status: fault?.kind === "silent" ? 0 : response.status,
      errorCode,
      fault: fault?.kind,
      requestId,
    },
    request.body.length,
  );
  return {
    outcome: deliver(response, fault),
    delayMs: fault?.kind === "slow" ? fault.amount : 0,
    mayHaveChanged: !/^(?:Describe|List|Get(?!SessionToken))/.test(invocation?.operation ?? "Describe"),
  };
}

/** What became of a call. */
export interface Answer {
  readonly outcome: WireOutcome;
  /** How long the answer is held back. */
  readonly delayMs: number;
  /** Whether the world may be another one now; a guess from the operation's name, on the safe side. */
  readonly mayHaveChanged: boolean;
}

function deliver(response: WireResponse, fault: OperationFault | undefined): WireOutcome {
  if (fault?.kind === "silent") return { kind: "silence" };
  if (fault?.kind === "drop-reply") return { kind: "cut", response, afterBytes: 0 };
  if (fault?.kind === "cut-reply") return { kind: "cut", response, afterBytes: fault.amount };
  return { kind: "answer", response };
}

/**
 * Which service a request is for, as AWS tells by the host name: here by what the body says, then by the signature's
 * scope, so that a wrong scope is still told by the service that was meant.
 */
export function chooseService(request: WireRequest): Service {
  if (request.headers.has("x-amz-target")) return dynamoDbService;
  const contentType = request.headers.get("content-type") ?? "";
  if (contentType.includes("json")) return dynamoDbService;
  const version = findVersion(request.query) ?? findVersion(request.body.toString("latin1"));
  const byVersion = version === undefined ? undefined : VERSION_SERVICES[version];
  if (byVersion !== undefined) return byVersion;
  const scope = /Credential=[^/]{1,128}\/\d{8}\/[^/]{1,64}\/([a-z0-9]{1,32})\//.exec(
    request.headers.get("authorization") ?? "",
  );
  return SERVICES.find(({ name }) => name === scope?.[1]) ?? stsService;
}

function findVersion(form: string): string | undefined {
  return /(?:^|&)Version=(\d{4}-\d\d-\d\d)(?:&|$)/.exec(form)?.[1];
}

function noteKeyUse({ world, nowMs }: AnswerInput, { principal, region }: Caller, service: Service): void {
  const found = findAccessKey(world, principal.accessKeyId);
  if (found !== undefined) found.key.lastUsed = { atMs: nowMs, service: service.name, region };
}

/** A defect of the sandbox itself: said as one, so that nobody looks for it in AWS. */
function describeDefect(error: unknown): string {
  return `sandbox defect: ${error instanceof Error ? error.message : String(error)}`;
}
