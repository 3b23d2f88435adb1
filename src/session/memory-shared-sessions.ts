import type { KeptSharedSession, SharedSession, SharedSessions } from "./shared-sessions.ts";

/**
 * The shared sessions of one run over several targets: those that are kept, and those that the run opens itself, which
 * end with it (CLI.md, "Targets": only `login` stores one).
 */
export function makeMemorySharedSessions(kept: SharedSessions): SharedSessions {
  const own: (SharedSession & { readonly keptIn: "memory" })[] = [];
  const isOwn = (head: KeptSharedSession) => own.find(({ accessKeyId }) => accessKeyId === head.accessKeyId);
  return {
    list: () => [...own.map(({ credentials: _, ...head }) => head), ...kept.list()],
    open: async (head) => isOwn(head) ?? kept.open(head),
    prepare: () => undefined,
    async write(session) {
      own.unshift({ ...session, keptIn: "memory" });
      return { keptIn: "memory", reason: undefined };
    },
    remove: (key) => kept.remove(key),
    clear: () => kept.clear(),
  };
}
