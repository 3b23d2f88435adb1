import {
  type AuthenticationProblem,
  AwsFault,
  EXPIRED_TOKEN_MESSAGE,
  INVALID_TOKEN_MESSAGE,
  UNSIGNED_MESSAGE,
  WRONG_SIGNATURE_MESSAGE,
} from "./aws-fault.ts";
import type { Call, Service, ServiceName } from "./call.ts";
import { makeRequestId } from "./identifiers.ts";
import { formatXmlEntries, parseForm, type QueryParameters, type XmlValue } from "./query-protocol.ts";
import type { WireRequest, WireResponse } from "./wire.ts";

/** @returns what stands inside the `…Result` element; undefined for an operation that answers nothing but its id */
export type QueryOperation = (call: Call, parameters: QueryParameters) => XmlValue;

/** Faults of the front that never reach the service have a namespace of their own (AWS.md, STS faults). */
const DISPATCH_NAMESPACE = "http://webservices.amazon.com/AWSFault/2005-15-09";
const DISPATCH_CODES: ReadonlySet<string> = new Set(["InvalidAction", "MissingAction"]);

/** IAM API reference, ServiceFailure; "Common Errors", InternalFailure. */
const FAILURE_MESSAGE = "The request processing has failed because of an unknown error, exception or failure.";

/** What makes one query service out of the protocol. */
export interface QueryServiceOptions {
  readonly name: ServiceName;
  readonly version: string;
  readonly namespace: string;
  readonly operations: Readonly<Record<string, QueryOperation>>;
  /** Of the service's own failures: STS has the common InternalFailure, IAM a code of its own. */
  readonly failureCode: "InternalFailure" | "ServiceFailure";
  /**
   * Refuses callers that may not use an operation whatever their policies say.
   * @throws AwsFault
   */
  readonly admit: (call: Call, operation: string) => void;
}

/** The session of a GetSessionToken has no rights here: AWS answers as if it did not know the key (AWS.md, MFA rules). */
export function refuseSession(): never {
  throw new AwsFault("InvalidClientTokenId", INVALID_TOKEN_MESSAGE, 403);
}

/** A service of AWS's query protocol as STS and IAM speak it (EC2's differs in its answers). */
export function makeQueryService({
  name,
  version,
  namespace,
  operations,
  failureCode,
  admit,
}: QueryServiceOptions): Service {
  return {
    name,
    operationNames: Object.keys(operations),
    makeRequestId,
    throttled: new AwsFault("Throttling", "Rate exceeded"),
    failed: new AwsFault(failureCode, FAILURE_MESSAGE, 500),
    read(request) {
      const parameters = readQueryParameters(request);
      const operation = readAction(parameters, version);
      const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
      if (run === undefined) {
        throw new AwsFault("InvalidAction", `Could not find operation ${operation} for version ${version}`);
      }
      return {
        operation,
        parameters: Object.fromEntries(parameters),
        run(call) {
          admit(call, operation);
          const result = run(call, parameters);
          const content = formatXmlEntries(
            { [`${operation}Result`]: result, ResponseMetadata: { RequestId: call.requestId } },
            "member",
          );
          return xmlResponse(
            200,
            `<${operation}Response xmlns="${namespace}">${content}</${operation}Response>`,
            call.requestId,
          );
        },
      };
    },
    describeProblem: describeQueryProblem,
    formatFault(fault, requestId) {
      const content = formatXmlEntries(
        {
          Error: { Type: fault.status >= 500 ? "Receiver" : "Sender", Code: fault.code, Message: fault.message },
          RequestId: requestId,
        },
        "member",
      );
      const faultNamespace = DISPATCH_CODES.has(fault.code) ? DISPATCH_NAMESPACE : namespace;
      return xmlResponse(
        fault.status,
        `<ErrorResponse xmlns="${faultNamespace}">${content}</ErrorResponse>`,
        requestId,
      );
    },
  };
}

/** The `Action` of a call whose `Version` is this service's. */
export function readAction(parameters: QueryParameters, version: string): string {
  const action = parameters.get("Action");
  if (action === undefined || action === "") {
    throw new AwsFault("MissingAction", "The request must contain the parameter Action");
  }
  const asked = parameters.get("Version");
  if (asked !== undefined && asked !== version) {
    throw new AwsFault("InvalidAction", `Could not find operation ${action} for version ${asked}`);
  }
  return action;
}

/** Fields of the query string (GET, presigned) and of a form body; those of the query string first. */
export function readQueryParameters(request: WireRequest): QueryParameters {
  const parameters = parseForm(request.query);
  if (request.body.length === 0) return parameters;
  const contentType = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
  if (contentType !== "" && contentType !== "application/x-www-form-urlencoded") {
    throw new AwsFault("InvalidContentType", `The content type '${contentType}' is not supported`);
  }
  for (const [name, value] of parseForm(request.body.toString("utf8"))) {
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

/** An answer with the request's id in its header too, where the SDKs look for it. */
export function xmlResponse(
  status: number,
  content: string,
  requestId: string,
  contentType = "text/xml",
): WireResponse {
  return { status, headers: { "Content-Type": contentType, "x-amzn-RequestId": requestId }, body: content };
}

/** STS's and IAM's words; both answer 403 but to a signature that can't be read (AWS.md, STS faults). */
function describeQueryProblem(problem: AuthenticationProblem): AwsFault {
  switch (problem.kind) {
    case "unsigned":
      return new AwsFault("MissingAuthenticationToken", UNSIGNED_MESSAGE, 403);
    case "incompleteSignature":
      return new AwsFault("IncompleteSignature", problem.message, 400);
    case "invalidToken":
      return new AwsFault("InvalidClientTokenId", INVALID_TOKEN_MESSAGE, 403);
    case "expiredToken":
      return new AwsFault("ExpiredToken", EXPIRED_TOKEN_MESSAGE, 403);
    case "wrongScope":
    case "clockSkew":
      return new AwsFault("SignatureDoesNotMatch", problem.message, 403);
    case "wrongSignature":
      return new AwsFault("SignatureDoesNotMatch", WRONG_SIGNATURE_MESSAGE, 403);
    case "regionDisabled":
      return new AwsFault(
        "RegionDisabledException",
        `STS is not activated in this region for account:${problem.accountId}. Your account administrator can activate STS in this region using the IAM Console.`,
        403,
      );
  }
}
