// The file that $GITHUB_ENV names. Edge file: node:fs, node:crypto. Rules: only a plain file that is there already (the
// runner makes it) is written, at its end, in one write; nothing in it is changed; what does not end in a newline gets one
// first, so that no line of ours becomes the rest of another.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { AssumeMfaError } from "../errors.ts";
import { formatGithubEnvironment } from "./export-github.ts";
import type { VariableChange } from "./export-variables.ts";

const { O_RDWR, O_APPEND } = fs.constants;
// Not on Windows.
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** @throws AssumeMfaError OUTPUT_FAILED when it can't be written */
export function appendToGithubEnvironment(file: string, changes: readonly VariableChange[]): void {
  const text = formatGithubEnvironment(changes, `assume_mfa_${randomBytes(16).toString("hex")}`);
  withFile(file, (fd, size) => {
    const last = Buffer.alloc(1);
    if (size > 0) fs.readSync(fd, last, 0, 1, size - 1);
    fs.writeFileSync(fd, `${size > 0 && last[0] !== 0x0a ? "\n" : ""}${text}`);
  });
}

/** To be asked before a code is. @throws AssumeMfaError OUTPUT_FAILED when it could not be written */
export function checkGithubEnvironment(file: string): void {
  withFile(file, () => undefined);
}

function withFile(file: string, work: (fd: number, size: number) => void): void {
  try {
    const fd = fs.openSync(file, O_RDWR | O_APPEND | O_NONBLOCK);
    try {
      const status = fs.fstatSync(fd);
      if (!status.isFile()) throw new Error("it is no plain file");
      work(fd, status.size);
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AssumeMfaError("OUTPUT_FAILED", `can't write the file that GITHUB_ENV names: ${code ?? message}`, {
      hint: "the runner of GitHub Actions makes that file and sets the variable: run it in a step",
      cause: error,
    });
  }
}
