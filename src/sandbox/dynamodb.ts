import { crc32 } from "node:zlib";
import {
  type AuthenticationProblem,
  AwsFault,
  EXPIRED_TOKEN_MESSAGE,
  INVALID_TOKEN_MESSAGE,
  UNSIGNED_MESSAGE,
  WRONG_SIGNATURE_MESSAGE,
} from "./aws-fault.ts";
import type { Call, Service } from "./call.ts";
import {
  createBackup,
  deleteBackup,
  describeBackup,
  describeContinuousBackups,
  listBackups,
} from "./dynamodb-backups.ts";
import { createTable, listTagsOfResource, tagResource, untagResource, updateTable } from "./dynamodb-change-tables.ts";
import { deleteItem, getItem, putItem, scan } from "./dynamodb-items.ts";
import { deleteTable, describeTable, listTables } from "./dynamodb-tables.ts";
import { makeLongRequestId } from "./identifiers.ts";
import { type JsonObject, parseJsonObject } from "./json-protocol.ts";
import type { WireResponse } from "./wire.ts";

/** @returns the JSON of the answer; undefined fields are left out. @throws AwsFault */
export type DynamoDbOperation = (call: Call, input: JsonObject) => object;

const TARGET_PREFIX = "DynamoDB_20120810.";

const OPERATIONS: Readonly<Record<string, DynamoDbOperation>> = {
  ListTables: listTables,
  DescribeTable: describeTable,
  DeleteTable: deleteTable,
  CreateTable: createTable,
  UpdateTable: updateTable,
  TagResource: tagResource,
  UntagResource: untagResource,
  ListTagsOfResource: listTagsOfResource,
  CreateBackup: createBackup,
  DescribeBackup: describeBackup,
  ListBackups: listBackups,
  DeleteBackup: deleteBackup,
  DescribeContinuousBackups: describeContinuousBackups,
  PutItem: putItem,
  GetItem: getItem,
  DeleteItem: deleteItem,
  Scan: scan,
};

/** Amazon DynamoDB: AWS JSON 1.0, version 2012-08-10. */
export const dynamoDbService: Service = {
  name: "dynamodb",
  operationNames: Object.keys(OPERATIONS),
  makeRequestId: makeLongRequestId,
  throttled: new AwsFault("ThrottlingException", "Rate of requests exceeds the allowed throughput."),
  failed: new AwsFault("InternalServerError", "Internal server error", 500),
  read(request) {
    const target = request.headers.get("x-amz-target") ?? "";
    const operation = target.startsWith(TARGET_PREFIX) ? target.slice(TARGET_PREFIX.length) : "";
    const run = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined;
    if (run === undefined || request.method !== "POST") throw new AwsFault("UnknownOperationException", "");
    const contentType = (request.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase();
    if (contentType !== "application/x-amz-json-1.0" && contentType !== "application/x-amz-json-1.1") {
      throw new AwsFault("UnknownOperationException", "");
    }
    const input = parseJsonObject(request.body.toString("utf8"));
    return {
      operation,
      parameters: input,
      run: (call) => jsonResponse(200, run(call, input), call.requestId),
    };
  },
  describeProblem: describeDynamoDbProblem,
  formatFault(fault, requestId) {
    const type = `${SHAPE_NAMESPACES[fault.code] ?? "com.amazonaws.dynamodb.v20120810"}#${fault.code}`;
    return jsonResponse(fault.status, { __type: type, message: fault.message || undefined }, requestId);
  },
};

/** Faults of AWS's own framework carry its namespaces; clients look at what follows the `#`. */
const SHAPE_NAMESPACES: Readonly<Record<string, string>> = {
  AccessDeniedException: "com.amazon.coral.service",
  ExpiredTokenException: "com.amazon.coral.service",
  IncompleteSignatureException: "com.amazon.coral.service",
  InternalFailure: "com.amazon.coral.service",
  InvalidSignatureException: "com.amazon.coral.service",
  MissingAuthenticationTokenException: "com.amazon.coral.service",
  SerializationException: "com.amazon.coral.service",
  ThrottlingException: "com.amazon.coral.availability",
  UnknownOperationException: "com.amazon.coral.service",
  UnrecognizedClientException: "com.amazon.coral.service",
  ValidationException: "com.amazon.coral.validate",
};

function jsonResponse(status: number, content: object, requestId: string): WireResponse {
  const body = JSON.stringify(content);
  return {
    status,
    headers: {
      "Content-Type": "application/x-amz-json-1.0",
      "x-amzn-RequestId": requestId,
      // DynamoDB sends the checksum of every body, and some clients check it.
      "x-amz-crc32": String(crc32(body)),
    },
    body,
  };
}

/** DynamoDB answers every one of them with 400 (AWS.md, DynamoDB). */
function describeDynamoDbProblem(problem: AuthenticationProblem): AwsFault {
  switch (problem.kind) {
    case "unsigned":
      return new AwsFault("MissingAuthenticationTokenException", UNSIGNED_MESSAGE);
    case "incompleteSignature":
      return new AwsFault("IncompleteSignatureException", problem.message);
    case "invalidToken":
    case "regionDisabled":
      return new AwsFault("UnrecognizedClientException", INVALID_TOKEN_MESSAGE);
    case "expiredToken":
      return new AwsFault("ExpiredTokenException", EXPIRED_TOKEN_MESSAGE);
    case "wrongScope":
    case "clockSkew":
      return new AwsFault("InvalidSignatureException", problem.message);
    case "wrongSignature":
      return new AwsFault("InvalidSignatureException", WRONG_SIGNATURE_MESSAGE);
  }
}
