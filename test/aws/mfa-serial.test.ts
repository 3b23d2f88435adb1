import { describe, expect, it } from "vitest";
import { isMfaSerial, mfaSerialKind } from "../../src/aws/mfa-serial.ts";

describe("a serial's kind", () => {
  it.each([
    ["arn:aws:iam::111122223333:mfa/alice", "virtual"],
    ["arn:aws:iam::111122223333:mfa/team/alice-phone", "virtual"],
    ["arn:aws-us-gov:iam::111122223333:mfa/alice", "virtual"],
    ["arn:aws-cn:iam::111122223333:mfa/u2f/alice", "virtual"],
    ["GAHT12345678", "hardware"],
    ["u2f-12345678", "hardware"],
    ["arn:aws:iam::111122223333:u2f/user/alice/yubikey-ABC", "security key"],
    ["ARN:aws:iam::111122223333:U2F/user/alice/yubikey-ABC", "security key"],
    ["arn:aws:iam::111122223333:passkey/alice", "security key"],
    ["arn:aws:iam::111122223333:fido2/alice", "security key"],
    ["arn:aws:iam::111122223333:sms-mfa/alice", "sms"],
    ["+14255550100", "sms"],
    ["arn:aws:iam::111122223333:user/alice", "user"],
    ["arn:aws:iam::111122223333:constructor/alice", "other"],
    ["arn:aws:iam::111122223333:__proto__/alice", "other"],
    ["arn:aws:sts::111122223333:mfa/alice", "other"],
    ["arn:aws:iam::111122223333:mfa", "other"],
  ])("of %s is %s", (serial, kind) => {
    expect(mfaSerialKind(serial)).toBe(kind);
  });
});

describe("what STS takes as a serial", () => {
  it.each(["GAHT12345", "arn:aws:iam::111122223333:mfa/alice", "x".repeat(256)])("is %s", (serial) => {
    expect(isMfaSerial(serial)).toBe(true);
  });

  it.each(["", "GAHT1234", "x".repeat(257), "GAHT 12345678", "GAHT12345678\n", "GAHT\u001b[31m678", "GAHT1234567é"])(
    "is not %j",
    (serial) => {
      expect(isMfaSerial(serial)).toBe(false);
    },
  );
});
