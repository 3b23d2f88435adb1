import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeSandboxHome } from "../../src/sandbox/sandbox-home.ts";
import { DEV, DEV_ROLE, openHarness, PARENT, SERIAL } from "./sandbox-harness.ts";

/** The first of these that runs and has what is asked. */
function find(candidates: readonly string[], args: readonly string[]): string | undefined {
  return candidates.find((command) => spawnSync(command, args, { timeout: 20_000 }).status === 0);
}

const PYTHONS = ["python3", "python", "/root/.pyenv/shims/python"];
const python = find(PYTHONS, ["-c", "import boto3"]);
const aws = find(["aws", "/root/.pyenv/shims/aws"], ["--version"]);
const noted = (name: string, installed: string | undefined) =>
  installed === undefined ? `${name} (NOT INSTALLED: skipped)` : name;

const harness = await openHarness();
const { sandbox } = harness;
const folder = mkdtempSync(join(tmpdir(), "sandbox-clients-"));
afterAll(() => rmSync(folder, { recursive: true }));
const inside = writeSandboxHome(sandbox, folder);
const env = {
  PATH: process.env.PATH,
  HOME: folder,
  ...inside,
  // Both of these clients would try a refused call again; what is tested is the first answer.
  AWS_MAX_ATTEMPTS: "1",
};

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(command, args, { env: { ...env, ...more }, timeout: 30_000 }, (error, stdout, stderr) => {
      const code = (error as { code?: unknown } | null)?.code;
      resolve({ status: error === null ? 0 : typeof code === "number" ? code : -1, stdout, stderr });
    });
  });
}

const BOTO3_SCRIPT = `
import json, os, sys
import boto3
from botocore.exceptions import ClientError

def attempt(call, **arguments):
    try:
        answer = call(**arguments)
        answer.pop("ResponseMetadata")
        return answer
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Message"]]

role, serial, code = os.environ["ROLE"], os.environ["SERIAL"], os.environ["CODE"]
wrong = "000000" if code != "000000" else "000001"
sts = boto3.Session(profile_name="parent").client("sts")
results = {"identity": attempt(sts.get_caller_identity)}
results["bare"] = attempt(sts.assume_role, RoleArn=role, RoleSessionName="alice")
results["wrong"] = attempt(sts.assume_role, RoleArn=role, RoleSessionName="alice", SerialNumber=serial, TokenCode=wrong)
results["foreign"] = attempt(sts.assume_role, RoleArn=role, RoleSessionName="alice", SerialNumber=serial[:-5] + "bob", TokenCode=code)
right = attempt(sts.assume_role, RoleArn=role, RoleSessionName="alice", SerialNumber=serial, TokenCode=code)
results["right"] = right["AssumedRoleUser"]["Arn"]
results["used"] = attempt(sts.assume_role, RoleArn=role, RoleSessionName="alice", SerialNumber=serial, TokenCode=code)
keys = right["Credentials"]
child = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], "us-east-1")
ec2, dynamodb = child.client("ec2"), child.client("dynamodb")
pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
instances = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
results["instances"] = len(instances)
victim = instances[0]["InstanceId"]
results["protection"] = attempt(ec2.describe_instance_attribute, InstanceId=victim, Attribute="disableApiTermination")["DisableApiTermination"]
results["dry"] = attempt(ec2.terminate_instances, InstanceIds=[victim], DryRun=True)
results["terminate"] = attempt(ec2.terminate_instances, InstanceIds=[victim])["TerminatingInstances"][0]["CurrentState"]
ec2.get_waiter("instance_terminated").wait(InstanceIds=[victim], WaiterConfig={"Delay": 1, "MaxAttempts": 5})
results["missing"] = attempt(ec2.terminate_instances, InstanceIds=["i-00000000"])
results["stop"] = attempt(ec2.stop_instances, InstanceIds=[victim])[0]
results["tables"] = attempt(dynamodb.list_tables)
results["deleted"] = attempt(dynamodb.delete_table, TableName="sessions")["TableDescription"]["TableStatus"]
dynamodb.get_waiter("table_not_exists").wait(TableName="sessions", WaiterConfig={"Delay": 1, "MaxAttempts": 5})
results["gone"] = attempt(dynamodb.describe_table, TableName="sessions")
json.dump(results, sys.stdout)
`;

describe("boto3", () => {
  it.skipIf(python === undefined)(noted("does the founding case, and is refused in AWS's words", python), async () => {
    const variables = { ROLE: DEV_ROLE, SERIAL, CODE: harness.nextCode() };
    const { stdout, stderr } = await run(python ?? "", ["-c", BOTO3_SCRIPT], variables);
    expect(stderr).toBe("");
    const invalidCode = ["AccessDenied", 403, "MultiFactorAuthentication failed with invalid MFA one time pass code."];
    expect(JSON.parse(stdout)).toMatchObject({
      identity: { Account: PARENT, Arn: `arn:aws:iam::${PARENT}:user/alice` },
      bare: [
        "AccessDenied",
        403,
        `User: arn:aws:iam::${PARENT}:user/alice is not authorized to perform: sts:AssumeRole on resource: ${DEV_ROLE}`,
      ],
      wrong: invalidCode,
      used: invalidCode,
      foreign: [
        "AccessDenied",
        403,
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
      ],
      right: `arn:aws:sts::${DEV}:assumed-role/PrivilegedActionsRole/alice`,
      instances: 4,
      protection: { Value: false },
      dry: ["DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set."],
      terminate: { Code: 32, Name: "shutting-down" },
      missing: ["InvalidInstanceID.NotFound", 400, "The instance ID 'i-00000000' does not exist"],
      tables: { TableNames: ["orders", "sessions"] },
      deleted: "DELETING",
      gone: ["ResourceNotFoundException", 400, "Requested resource not found: Table: sessions not found"],
    });
  });
});

describe("the AWS CLI", () => {
  it.skipIf(aws === undefined)(noted("assumes with a code, and is refused in AWS's words", aws), async () => {
    const assume = (...more: string[]) =>
      run(aws ?? "", [
        "sts",
        "assume-role",
        "--profile",
        "parent",
        "--role-arn",
        DEV_ROLE,
        "--role-session-name",
        "alice",
        "--output",
        "json",
        ...more,
      ]);
    const code = harness.nextCode();
    const mfa = ["--serial-number", SERIAL, "--token-code", code];
    const right = await assume(...mfa);
    expect(right.stderr).toBe("");
    const { Credentials } = JSON.parse(right.stdout);
    const [used, bare] = await Promise.all([assume(...mfa), assume()]);
    const failed = "An error occurred (AccessDenied) when calling the AssumeRole operation: ";
    expect(used.stderr.trim()).toBe(`${failed}MultiFactorAuthentication failed with invalid MFA one time pass code.`);
    expect(bare.stderr.trim()).toBe(
      `${failed}User: arn:aws:iam::${PARENT}:user/alice is not authorized to perform: sts:AssumeRole on resource: ${DEV_ROLE}`,
    );
    const session = {
      AWS_ACCESS_KEY_ID: Credentials.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: Credentials.SecretAccessKey,
      AWS_SESSION_TOKEN: Credentials.SessionToken,
      AWS_DEFAULT_REGION: "us-east-1",
    };
    const [instances, table] = await Promise.all([
      run(
        aws ?? "",
        ["ec2", "describe-instances", "--query", "Reservations[].Instances[].State.Name", "--output", "json"],
        session,
      ),
      run(
        aws ?? "",
        ["dynamodb", "describe-table", "--table-name", "orders", "--query", "Table.TableStatus", "--output", "text"],
        session,
      ),
    ]);
    expect(instances.stderr).toBe("");
    expect(JSON.parse(instances.stdout)).toContain("running");
    expect(table.stdout.trim()).toBe("ACTIVE");
  });
});
