// A process of file-history.test.ts: writes lines, or is killed in the middle of one.
import fs from "node:fs";
import path from "node:path";
import { makeFileHistory } from "../../src/history/file-history.ts";
import { makeFileLocks } from "../../src/host/file-locks.ts";
import { privateFiles } from "../../src/host/private-files.ts";

const [folder = "", name = "", count = "0", death = ""] = process.argv.slice(2);
const host = {
  now: Date.now,
  sleep: (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)),
};
const warn = (text: string) => process.stderr.write(`${text}\n`);
/** Each as a process of its own would: they meet at the lock alone. */
const makeWriter = () =>
  makeFileHistory(folder, {
    files: privateFiles,
    locks: makeFileLocks(path.join(folder, "locks"), Date.now),
    host,
    warn,
  });

const die = () => process.kill(process.pid, "SIGKILL");
const { writeSync, fsyncSync } = fs;
if (death === "in the line" || death === "before its newline") {
  fs.writeSync = ((fd: number, bytes: Buffer, at: number) => {
    // Not in the lock's file, which may be written by the same function.
    if (!bytes.includes('"event"')) return writeSync(fd, bytes, at);
    writeSync(fd, bytes, at, death === "in the line" ? 100 : bytes.length - 1);
    return die();
  }) as typeof fs.writeSync;
}
// The first is the line's: the head's and the lock's follow.
if (death === "behind the line") {
  fs.fsyncSync = (fd: number) => {
    fsyncSync(fd);
    die();
  };
}

await Promise.all(
  Array.from({ length: Number(count) }, (_, nth) =>
    makeWriter().append({
      event: "GetSessionToken",
      target: `${name}-${nth}`,
      account: "111122223333",
      role: null,
      sessionName: null,
      accessKeyId: "ASIAIOSFODNN7EXAMPLE",
      route: "direct",
      sourceAccessKeyId: "AKIAIOSFODNN7EXAMPLE",
      mfaSerial: "arn:aws:iam::111122223333:mfa/alice",
      durationSeconds: 28_800,
      expiration: "2026-11-24T20:00:00.000Z",
      requestId: null,
    }),
  ),
);
