import { type AuthenticationProblem, AwsFault } from "./aws-fault.ts";
import type { Call, Service } from "./call.ts";
import { describeInstanceAttribute, modifyInstanceAttribute } from "./ec2-attributes.ts";
import { describeInstances } from "./ec2-describe-instances.ts";
import { rebootInstances, startInstances, stopInstances, terminateInstances } from "./ec2-instance-states.ts";
import { describeInstanceStatus } from "./ec2-instance-status.ts";
import { describeAvailabilityZones, describeRegions } from "./ec2-regions.ts";
import { runInstances } from "./ec2-run-instances.ts";
import { createTags, deleteTags, describeTags } from "./ec2-tags.ts";
import { makeRequestId } from "./identifiers.ts";
import { formatXmlEntries, type QueryParameters, type XmlValue } from "./query-protocol.ts";
import { readAction, readQueryParameters, xmlResponse } from "./query-service.ts";

/** @returns the elements of the answer, beside its requestId */
export type Ec2Operation = (call: Call, parameters: QueryParameters) => { readonly [element: string]: XmlValue };

const VERSION = "2016-11-15";
const XML_HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n';
const CONTENT_TYPE = "text/xml;charset=UTF-8";

const OPERATIONS: Readonly<Record<string, Ec2Operation>> = {
  DescribeInstances: describeInstances,
  DescribeInstanceStatus: describeInstanceStatus,
  DescribeInstanceAttribute: describeInstanceAttribute,
  ModifyInstanceAttribute: modifyInstanceAttribute,
  RunInstances: runInstances,
  TerminateInstances: terminateInstances,
  StopInstances: stopInstances,
  StartInstances: startInstances,
  RebootInstances: rebootInstances,
  CreateTags: createTags,
  DeleteTags: deleteTags,
  DescribeTags: describeTags,
  DescribeRegions: describeRegions,
  DescribeAvailabilityZones: describeAvailabilityZones,
};

/** Amazon EC2: the query protocol with answers of its own shape, version 2016-11-15. */
export const ec2Service: Service = {
  name: "ec2",
  operationNames: Object.keys(OPERATIONS),
  makeRequestId,
  throttled: new AwsFault("RequestLimitExceeded", "Request limit exceeded.", 503),
  failed: new AwsFault("InternalError", "An internal error has occurred", 500),
  read(request) {
    const parameters = readQueryParameters(request);
    const operation = readAction(parameters, VERSION);
    const run = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined;
    if (run === undefined) {
      throw new AwsFault("InvalidAction", `The action ${operation} is not valid for this web service.`);
    }
    return {
      operation,
      parameters: Object.fromEntries(parameters),
      run(call) {
        const content = formatXmlEntries({ requestId: call.requestId, ...run(call, parameters) }, "item");
        const namespace = `http://ec2.amazonaws.com/doc/${VERSION}/`;
        return xmlResponse(
          200,
          `${XML_HEADER}<${operation}Response xmlns="${namespace}">${content}</${operation}Response>`,
          call.requestId,
          CONTENT_TYPE,
        );
      },
    };
  },
  describeProblem: describeEc2Problem,
  formatFault(fault, requestId) {
    const content = formatXmlEntries(
      { Errors: { Error: { Code: fault.code, Message: fault.message } }, RequestID: requestId },
      "item",
    );
    return xmlResponse(fault.status, `${XML_HEADER}<Response>${content}</Response>`, requestId, CONTENT_TYPE);
  },
};

/**
 * EC2's words: 401 AuthFailure for keys and signatures, RequestExpired for an expired session and for clock skew alike
 * (AWS.md, STS faults). An unsigned request misses the parameter of the oldest signatures.
 */
function describeEc2Problem(problem: AuthenticationProblem): AwsFault {
  switch (problem.kind) {
    case "unsigned":
      return new AwsFault("MissingParameter", "The request must contain the parameter AWSAccessKeyId");
    case "incompleteSignature":
      return new AwsFault("IncompleteSignature", problem.message);
    case "wrongScope":
      return new AwsFault("AuthFailure", problem.message, 401);
    case "invalidToken":
    case "wrongSignature":
    case "regionDisabled":
      return new AwsFault("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
    case "expiredToken":
    case "clockSkew":
      return new AwsFault("RequestExpired", "Request has expired.");
  }
}
