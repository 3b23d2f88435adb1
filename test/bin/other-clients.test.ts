import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bareEnvironment, type Environment, findProgram, PROGRAM, runProgram, titled } from "./built-program.ts";

// The sandbox as other people's clients meet it: AWS's own words of refusal, and no other way in (AWS.md, 1 and 3).

const hasBoto3 = spawnSync("python3", ["-c", "import boto3"], { timeout: 30_000 }).status === 0;
const awsCli = findProgram("aws");

const REFUSED_ROLE =
  "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/PrivilegedActionsRole";
const REFUSED_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
const REFUSED_DEVICE =
  "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "assume-mfa-test-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a process needs beside the sandbox's own variables; neither the home nor the temporary folder is the user's. */
function environment(): Environment {
  return { ...bareEnvironment(), HOME: folder, TMPDIR: folder, PYTHONDONTWRITEBYTECODE: "1" };
}

const BOTO3_PROGRAM = `
import json, os, subprocess, sys
import boto3
from botocore.exceptions import ClientError

def code(*options):
    return subprocess.check_output([*json.loads(os.environ["PROGRAM"]), "sandbox", "code", *options], text=True).strip()

sts = boto3.Session(profile_name="parent").client("sts")
role = "arn:aws:iam::222222222222:role/PrivilegedActionsRole"
alice = "arn:aws:iam::111122223333:mfa/alice"

def assume(**how):
    try:
        return sts.assume_role(RoleArn=role, RoleSessionName="alice", **how)
    except ClientError as error:
        answer = error.response
        return {"status": answer["ResponseMetadata"]["HTTPStatusCode"], **{key: answer["Error"][key] for key in ("Code", "Message")}}

fresh = code("--fresh")
wrong = "%06d" % ((int(fresh) + 500000) % 1000000)
seen = {
    "no code": assume(),
    "wrong code": assume(SerialNumber=alice, TokenCode=wrong),
    "foreign device": assume(SerialNumber="arn:aws:iam::111122223333:mfa/bob", TokenCode=fresh),
}
right = assume(SerialNumber=alice, TokenCode=fresh)
seen["used code"] = assume(SerialNumber=alice, TokenCode=fresh)
keys = right["Credentials"]
session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name="us-east-1")
seen["identity"] = session.client("sts").get_caller_identity()["Arn"]
ec2 = session.client("ec2")
instance = ec2.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
ec2.terminate_instances(InstanceIds=[instance])
ec2.get_waiter("instance_terminated").config.delay = 1
ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
dynamodb = session.client("dynamodb")
table = dynamodb.list_tables()["TableNames"][0]
dynamodb.delete_table(TableName=table)
dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
seen["tables"] = [name for name in dynamodb.list_tables()["TableNames"] if name == table]
json.dump(seen, sys.stdout)
`;

const CLI_SCRIPT = `
assume() {
  aws sts assume-role --profile parent --role-arn arn:aws:iam::222222222222:role/PrivilegedActionsRole \\
    --role-session-name alice --query AssumedRoleUser.Arn --output text "$@" 2>&1
  local status=$?; echo "status $(( status > 0 ))" # 254 or 255, by its version
}
fresh=$(node "$PROGRAM" sandbox code --fresh)
alice=arn:aws:iam::111122223333:mfa/alice
assume
assume --serial-number $alice --token-code $(( (10#$fresh + 500000) % 900000 + 100000 ))
assume --serial-number arn:aws:iam::111122223333:mfa/bob --token-code $fresh
assume --serial-number $alice --token-code $fresh
assume --serial-number $alice --token-code $fresh
`;

describe.concurrent("inside sandbox run", () => {
  it.skipIf(!hasBoto3)(
    titled("boto3 is refused in AWS's words, and let in with the right code alone", ["boto3", hasBoto3]),
    async () => {
      const { status, stdout, stderr } = await runProgram(["sandbox", "run", "--", "python3", "-c", BOTO3_PROGRAM], {
        env: { ...environment(), PROGRAM: JSON.stringify([process.execPath, PROGRAM]) },
        timeoutMs: 60_000,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^assume-mfa: SANDBOX .*\n$/) });
      const refused = (Message: string) => ({ status: 403, Code: "AccessDenied", Message });
      expect(JSON.parse(stdout)).toEqual({
        "no code": refused(REFUSED_ROLE),
        "wrong code": refused(REFUSED_CODE),
        "used code": refused(REFUSED_CODE),
        "foreign device": refused(REFUSED_DEVICE),
        identity: "arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice",
        tables: [],
      });
    },
  );

  it.skipIf(awsCli === undefined)(titled("the AWS CLI too", ["aws", awsCli]), async () => {
    const { status, stdout } = await runProgram(["sandbox", "run", "--", "bash", "-c", CLI_SCRIPT], {
      env: { ...environment(), PROGRAM },
      timeoutMs: 60_000,
    });
    expect(status).toBe(0);
    const refused = (words: string) =>
      `An error occurred (AccessDenied) when calling the AssumeRole operation: ${words}\nstatus 1\n`;
    expect(stdout.replaceAll(/^\s*\n/gm, "")).toBe(
      refused(REFUSED_ROLE) +
        refused(REFUSED_CODE) +
        refused(REFUSED_DEVICE) +
        "arn:aws:sts::222222222222:assumed-role/PrivilegedActionsRole/alice\nstatus 0\n" +
        refused(REFUSED_CODE),
    );
  });
});
