// The files beyond the three streams that whoever started us opened for us (`3< file`, a pipe of a supervisor). Edge file:
// node:fs. Rules: looked at before we open anything ourselves; Linux's /proc alone: elsewhere only the three streams go on.
import fs from "node:fs";

// open(2), as /proc/<pid>/fdinfo gives them, in octal; Linux has the same on all its common machines.
const O_ACCMODE = 0o3;
const O_CLOEXEC = 0o2000000;

interface Descriptor {
  readonly fd: number;
  readonly name: string;
  readonly flags: number;
}

/**
 * Node closes on exec what it was given beyond the three streams, so that they have to be named for a child.
 * @returns those that would not go on by themselves, lowest first
 */
export function findInheritedDescriptors(): readonly number[] {
  const all = listDescriptors().filter(({ fd, flags }) => fd > 2 && (flags & O_CLOEXEC) !== 0);
  // Node's own: what its event loops wait on, its pipes, of which it holds both ends, and one null device to read from. It
  // takes the lowest free numbers, and the loop comes first.
  const firstOwn = all.find(({ name }) => name.startsWith("anon_inode:"))?.fd ?? 0;
  const ownNull = all.findLast(
    ({ fd, name, flags }) => fd > firstOwn && name === "/dev/null" && (flags & O_ACCMODE) === fs.constants.O_RDONLY,
  )?.fd;
  return all
    .filter(({ fd, name }) => {
      if (name.startsWith("anon_inode:") || fd === ownNull) return false;
      return !name.startsWith("pipe:") || !all.some((other) => other.fd !== fd && other.name === name);
    })
    .map(({ fd }) => fd);
}

function listDescriptors(): readonly Descriptor[] {
  let names: readonly string[];
  try {
    names = fs.readdirSync("/proc/self/fd");
  } catch {
    return [];
  }
  return names
    .flatMap((text) => {
      try {
        const flags = /^flags:\s*([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${text}`, "latin1"))?.[1];
        const name = fs.readlinkSync(`/proc/self/fd/${text}`);
        return flags === undefined ? [] : [{ fd: Number(text), name, flags: Number.parseInt(flags, 8) }];
      } catch {
        return []; // the one that the folder was read by
      }
    })
    .sort((one, other) => one.fd - other.fd);
}
