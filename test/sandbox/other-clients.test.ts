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

const BOTO3_ADMIN_SCRIPT = `
import base64, hashlib, hmac, json, os, struct, sys, time, urllib.request
import boto3
from botocore.exceptions import ClientError

def refused(call, **arguments):
    try:
        call(**arguments)
        return "not refused"
    except ClientError as error:
        return error.response["Error"]["Code"]

def world_time():
    url = os.environ["ASSUME_MFA_SANDBOX"] + "/_assume-mfa/clock"
    return json.load(urllib.request.urlopen(url))["nowMs"] / 1000

def totp(seed, step):
    digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1000000)

results = {}
keys = json.loads(os.environ["PARENT_ADMIN"])
parent = boto3.Session(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"], "us-east-1")
iam = parent.client("iam")

iam.create_user(UserName="dave", Tags=[{"Key": "team", "Value": "blue"}])
results["user"] = iam.get_user(UserName="dave")["User"]["Tags"]
device = iam.create_virtual_mfa_device(VirtualMFADeviceName="dave")["VirtualMFADevice"]
seed = device["Base32StringSeed"]
results["png"] = device["QRCodePNG"][:8] == b"\\x89PNG\\r\\n\\x1a\\n"
step = int(world_time() // 30)
codes = {"AuthenticationCode1": totp(seed, step - 1), "AuthenticationCode2": totp(seed, step)}
enable = dict(UserName="dave", SerialNumber=device["SerialNumber"])
results["swapped"] = refused(iam.enable_mfa_device, AuthenticationCode1=codes["AuthenticationCode2"], AuthenticationCode2=codes["AuthenticationCode1"], **enable)
iam.enable_mfa_device(**codes, **enable)
results["devices"] = [d["SerialNumber"] for d in iam.list_mfa_devices(UserName="dave")["MFADevices"]]
iam.deactivate_mfa_device(**enable)
iam.delete_virtual_mfa_device(SerialNumber=device["SerialNumber"])

trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}]}
role = iam.create_role(RoleName="made", AssumeRolePolicyDocument=json.dumps(trust), MaxSessionDuration=7200)["Role"]
trust["Statement"][0]["Principal"]["AWS"] = "arn:aws:iam::111122223333:root"
results["role"] = [role["Arn"], role["MaxSessionDuration"], role["AssumeRolePolicyDocument"] == trust]
elsewhere = boto3.Session(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"], "eu-west-1").client("iam")
results["elsewhere"] = elsewhere.get_user(UserName="dave")["User"]["UserName"]
results["control"] = refused(elsewhere.get_user, UserName="a\\x01\\x1b")
iam.put_role_policy(RoleName="made", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}))
results["policy"] = iam.get_role_policy(RoleName="made", PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"]
results["conflict"] = refused(iam.delete_role, RoleName="made")
iam.delete_role_policy(RoleName="made", PolicyName="p")
iam.delete_role(RoleName="made")
results["malformed"] = refused(iam.update_assume_role_policy, RoleName="Administrator", PolicyDocument="{")
key = iam.create_access_key(UserName="dave")["AccessKey"]
iam.update_access_key(UserName="dave", AccessKeyId=key["AccessKeyId"], Status="Inactive")
results["keys"] = [k["Status"] for k in iam.list_access_keys(UserName="dave")["AccessKeyMetadata"]]
iam.delete_access_key(UserName="dave", AccessKeyId=key["AccessKeyId"])
iam.delete_user(UserName="dave")
results["users"] = [u["UserName"] for p in iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 1}) for u in p["Users"]]
iam.create_account_alias(AccountAlias="acme")
results["alias"] = iam.list_account_aliases()["AccountAliases"]

keys = json.loads(os.environ["DEV_ADMIN"])
child = boto3.Session(keys["accessKeyId"], keys["secretAccessKey"], keys["sessionToken"], "us-east-1")
ec2, dynamodb = child.client("ec2"), child.client("dynamodb")
fleet = ec2.run_instances(ImageId="ami-12345678", MinCount=2, MaxCount=2, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "fleet"}]}])
ids = [i["InstanceId"] for i in fleet["Instances"]]
ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
results["stopping"] = [s["CurrentState"]["Name"] for s in ec2.stop_instances(InstanceIds=ids)["StoppingInstances"]]
ec2.get_waiter("instance_stopped").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": True})
results["held"] = refused(ec2.terminate_instances, InstanceIds=ids)
results["regions"] = len(ec2.describe_regions()["Regions"])

table = dynamodb.create_table(TableName="python", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST", DeletionProtectionEnabled=True)
dynamodb.get_waiter("table_exists").wait(TableName="python", WaiterConfig={"Delay": 1, "MaxAttempts": 5})
dynamodb.put_item(TableName="python", Item={"id": {"S": "one"}, "data": {"B": b"\\x00\\xff"}})
results["item"] = dynamodb.get_item(TableName="python", Key={"id": {"S": "one"}})["Item"]["data"]["B"] == b"\\x00\\xff"
results["protected"] = refused(dynamodb.delete_table, TableName="python")
backup = dynamodb.create_backup(TableName="python", BackupName="before")["BackupDetails"]["BackupArn"]
results["backup"] = dynamodb.describe_backup(BackupArn=backup)["BackupDescription"]["SourceTableDetails"]["ItemCount"]
dynamodb.update_table(TableName="python", DeletionProtectionEnabled=False)
while dynamodb.describe_backup(BackupArn=backup)["BackupDescription"]["BackupDetails"]["BackupStatus"] != "AVAILABLE":
    time.sleep(0.2)
results["deleted"] = dynamodb.delete_table(TableName="python")["TableDescription"]["TableStatus"]
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

describe("boto3 as administrator", () => {
  it.skipIf(python === undefined)(noted("does what setup, mfa and the rest of the actions do", python), async () => {
    const admin = async (account: string) =>
      JSON.stringify(await harness.assume(`arn:aws:iam::${account}:role/Administrator`));
    const variables = { PARENT_ADMIN: await admin(PARENT), DEV_ADMIN: await admin(DEV) };
    const { stdout, stderr } = await run(python ?? "", ["-c", BOTO3_ADMIN_SCRIPT], variables);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      user: [{ Key: "team", Value: "blue" }],
      png: true,
      swapped: "InvalidAuthenticationCode",
      devices: [`arn:aws:iam::${PARENT}:mfa/dave`],
      role: [`arn:aws:iam::${PARENT}:role/made`, 7200, true],
      elsewhere: "dave",
      control: "ValidationError",
      policy: "ec2:*",
      conflict: "DeleteConflict",
      malformed: "MalformedPolicyDocument",
      keys: ["Inactive"],
      users: ["alice", "bob"],
      alias: ["acme"],
      stopping: ["stopping", "stopping"],
      held: "OperationNotPermitted",
      regions: 17,
      item: true,
      protected: "ValidationException",
      backup: 1,
      deleted: "DELETING",
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
