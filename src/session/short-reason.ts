/** `EACCES: permission denied, mkdir '/home/alice/.cache'` → `permission denied (/home/alice/.cache)` */
export function shortReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^E[A-Z]+: ([^,]+), \w+ '([^']*)'.*$/s, "$1 ($2)");
}
