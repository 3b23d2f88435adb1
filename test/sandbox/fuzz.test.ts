import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Service } from "../../src/sandbox/call.ts";
import { dynamoDbService } from "../../src/sandbox/dynamodb.ts";
import { ec2Service } from "../../src/sandbox/ec2.ts";
import { iamService } from "../../src/sandbox/iam.ts";
import { stsService } from "../../src/sandbox/sts.ts";
import { DEV, DEV_ROLE, openHarness, PARENT, SERIAL } from "./sandbox-harness.ts";
import { NodeSha256, sendForm } from "./signed-query.ts";
import { findXmlFault } from "./xml-fault.ts";

/*
 * Whatever an administrator's signed call holds, it is answered, in the service's shape, and never as a defect of the
 * sandbox (500). FUZZ_RUNS in the environment makes it longer.
 */
const RUNS = Number(process.env.FUZZ_RUNS ?? 250);

const harness = await openHarness();
const { sandbox } = harness;
const admin = await harness.assume(`arn:aws:iam::${PARENT}:role/Administrator`, { DurationSeconds: 43_200 });
const devAdmin = await harness.assume(`arn:aws:iam::${DEV}:role/Administrator`, { DurationSeconds: 43_200 });
const instanceId = [...harness.account(DEV).instances.keys()][0] ?? "";

/** The administrators' roles as they were: a call may have taken away what the next ones stand on. */
function restoreAdministrators(): void {
  for (const [accountId, role, policies] of administrators) {
    harness.account(accountId).roles.set(role.name, role);
    role.attachedPolicyArns.length = 0;
    role.inlinePolicies.clear();
    for (const [name, text] of policies) role.inlinePolicies.set(name, text);
  }
}
const administrators = [PARENT, DEV].map((accountId) => {
  const role = harness.role(accountId, "Administrator");
  return [accountId, role, [...role.inlinePolicies]] as const;
});

const hostile = fc.oneof(
  fc.constantFrom(
    "",
    "0",
    "-1",
    "1e9",
    "99999999999999999999",
    "true",
    "null",
    "{}",
    "[]",
    "{",
    "__proto__",
    "constructor",
    "../../etc/passwd",
    "*",
    "%",
    "\u0000",
    "\ud800",
    "alice",
    "bob",
    "Administrator",
    "PrivilegedActionsRole",
    "orders",
    "v1",
    "Active",
    "123456",
    "ami-12345678",
    instanceId,
    "i-00000000",
    SERIAL,
    DEV_ROLE,
    `arn:aws:dynamodb:us-east-1:${DEV}:table/orders`,
    "arn:aws:iam::aws:policy/ReadOnlyAccess",
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"${PARENT}"},"Action":"sts:AssumeRole"}}`,
    "x".repeat(3_000),
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
);

const FIELDS = [
  "UserName RoleName GroupName PolicyName PolicyArn PolicyDocument AssumeRolePolicyDocument MaxSessionDuration Path",
  "VirtualMFADeviceName SerialNumber AuthenticationCode1 AuthenticationCode2 AccessKeyId Status AccountAlias Marker",
  "MaxItems VersionId Description AssignmentStatus Tags.member.1.Key Tags.member.1.Value TagKeys.member.1",
  "RoleArn RoleSessionName TokenCode DurationSeconds ExternalId Policy PolicyArns.member.1.arn SourceIdentity",
  "TransitiveTagKeys.member.1 EncodedMessage InstanceId InstanceId.1 InstanceId.2 Attribute Value DryRun Force",
  "Hibernate Filter.1.Name Filter.1.Value.1 Filter.2.Name MaxResults NextToken ImageId MinCount MaxCount",
  "InstanceType Placement.AvailabilityZone ClientToken TagSpecification.1.ResourceType TagSpecification.1.Tag.1.Key",
  "ResourceId.1 Tag.1.Key Tag.1.Value RegionName.1 AllRegions DisableApiTermination.Value InstanceType.Value",
]
  .join(" ")
  .split(" ");

const operationsOf = (...services: readonly Service[]) =>
  services.flatMap(({ name, operationNames }) => operationNames.map((operation) => ({ service: name, operation })));

describe("a signed call with anything in it", () => {
  const VERSIONS: Readonly<Record<string, string>> = { sts: "2011-06-15", iam: "2010-05-08", ec2: "2016-11-15" };

  it("is answered by the query services, never as a defect", async () => {
    let done = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...operationsOf(stsService, iamService, ec2Service)),
        fc.dictionary(fc.constantFrom(...FIELDS), hostile, { maxKeys: 8 }),
        async ({ service, operation }, fields) => {
          restoreAdministrators();
          const form = new URLSearchParams({ Action: operation, Version: VERSIONS[service] ?? "", ...fields });
          const credentials = service === "ec2" ? devAdmin : admin;
          const answer = await sendForm(sandbox.endpoint, { service, credentials, body: form.toString() });
          expect([answer.status < 500 || answer.code === "RequestLimitExceeded", answer.message]).toEqual([
            true,
            answer.message,
          ]);
          done += answer.status === 200 ? 1 : 0;
          expect(answer.body).toMatch(/<(?:\w+Response|Response)[ >]/);
          expect(findXmlFault(answer.body)).toBeUndefined();
        },
      ),
      { numRuns: RUNS },
    );
    // A fuzz that is always refused at the door shows nothing.
    expect(done).toBeGreaterThan(RUNS / 50);
  });

  const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      hostile,
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(
        fc.oneof(
          fc.constantFrom(
            "S",
            "N",
            "B",
            "M",
            "L",
            "SS",
            "BOOL",
            "NULL",
            "id",
            "Key",
            "Value",
            "AttributeName",
            "AttributeType",
            "KeyType",
            "ReadCapacityUnits",
          ),
          hostile,
        ),
        tie("value"),
        { maxKeys: 4 },
      ),
    ),
  })).value;
  const JSON_FIELDS = [
    "TableName Item Key Limit ExclusiveStartKey ExclusiveStartTableName Select KeySchema AttributeDefinitions BillingMode",
    "ProvisionedThroughput DeletionProtectionEnabled Tags TagKeys ResourceArn BackupName BackupArn TableClass ReturnValues",
  ]
    .join(" ")
    .split(" ");

  it("is answered by DynamoDB, never as a defect", async () => {
    let done = 0;
    const url = new URL(sandbox.endpoint);
    const signer = new SignatureV4({
      service: "dynamodb",
      region: "us-east-1",
      credentials: devAdmin,
      sha256: NodeSha256,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...dynamoDbService.operationNames),
        fc.dictionary(fc.constantFrom(...JSON_FIELDS), json, { maxKeys: 6 }),
        fc.boolean(),
        async (operation, fields, onFoundingTable) => {
          restoreAdministrators();
          const body = JSON.stringify(onFoundingTable ? { ...fields, TableName: "orders" } : fields);
          const request = await signer.sign({
            method: "POST",
            protocol: "http:",
            hostname: url.hostname,
            path: "/",
            headers: {
              host: url.host,
              "content-type": "application/x-amz-json-1.0",
              "x-amz-target": `DynamoDB_20120810.${operation}`,
            },
            body,
          });
          const { host: _host, ...headers } = request.headers;
          const response = await fetch(sandbox.endpoint, { method: "POST", headers, body });
          const text = await response.text();
          expect([response.status < 500, text]).toEqual([true, text]);
          done += response.status === 200 ? 1 : 0;
          expect(typeof JSON.parse(text)).toBe("object");
        },
      ),
      { numRuns: RUNS },
    );
    // A fuzz that is always refused at the door shows nothing.
    expect(done).toBeGreaterThan(RUNS / 50);
  });
});
