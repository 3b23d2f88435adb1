// A folder for what a child reads when it starts. Edge file: node:fs, node:os. Rules: nobody else can look into it (0700,
// files 0600, whatever the umask), its name can't be foreseen, and it goes as a whole.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export interface TemporaryFolder {
  readonly path: string;
  /** @throws NodeJS.ErrnoException */
  write(name: string, text: string): void;
  /** Never throws. */
  remove(): void;
}

/** @throws NodeJS.ErrnoException where none can be made */
export function makeTemporaryFolder(): TemporaryFolder {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "assume-mfa-"));
  fs.chmodSync(folder, 0o700);
  return {
    path: folder,
    write(name, text) {
      const file = path.join(folder, name);
      fs.writeFileSync(file, text, { flag: "wx", mode: 0o600 });
      fs.chmodSync(file, 0o600);
    },
    remove() {
      try {
        fs.rmSync(folder, { recursive: true, force: true });
      } catch {
        // Nothing secret lies in it.
      }
    },
  };
}
