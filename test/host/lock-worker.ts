// A process of file-locks.test.ts: takes its turns at a counter that only the lock keeps right.
import { readFileSync, writeFileSync } from "node:fs";
import { makeFileLocks } from "../../src/host/file-locks.ts";

const [folder = "", counter = "", turns = "0"] = process.argv.slice(2);
const locks = makeFileLocks(folder, Date.now);
for (let turn = 0; turn < Number(turns); ) {
  const answer = locks.tryAcquire("counter");
  if (!("release" in answer)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    continue;
  }
  const seen = Number(readFileSync(counter, "utf8"));
  // Time for another holder to come between, if there could be one.
  await new Promise((resolve) => setTimeout(resolve, 1));
  writeFileSync(counter, String(seen + 1));
  answer.release();
  turn += 1;
}
