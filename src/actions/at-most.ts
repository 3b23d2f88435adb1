/**
 * `Promise.all` over a list, with at most `limit` under way. After the first failure no further one is started; it is
 * thrown when those under way have ended, so that nothing runs on behind the caller's back.
 * @returns the answers in the order of the items
 */
export async function mapAtMost<T, R>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const answers = new Array<R>(items.length);
  let next = 0;
  let failed: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (failed === undefined && next < items.length) {
      const index = next++;
      try {
        answers[index] = await work(items[index] as T);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failed !== undefined) throw (failed as { readonly error: unknown }).error;
  return answers;
}

/** At most so many pieces of work at once; who waits gives its place to the next. */
export interface Slots {
  /** Waits for a place, works, and leaves it. */
  run<R>(work: () => Promise<R>): Promise<R>;
  /** Called within `run`: leaves the place while the wait lasts, and goes on in the next that is free. */
  leaveDuring<R>(wait: Promise<R>): Promise<R>;
}

export function makeSlots(limit: number): Slots {
  const queue: (() => void)[] = [];
  let taken = 0;
  const take = async () => {
    if (taken < limit) taken += 1;
    else await new Promise<void>((resolve) => queue.push(resolve));
  };
  const leave = () => {
    const next = queue.shift();
    if (next === undefined) taken -= 1;
    else next();
  };
  return {
    async run(work) {
      await take();
      try {
        return await work();
      } finally {
        leave();
      }
    },
    async leaveDuring(wait) {
      leave();
      try {
        return await wait;
      } finally {
        await take();
      }
    },
  };
}

/** The list in pieces of at most `size`, in order. */
export function chunksOf<T>(size: number, items: readonly T[]): readonly (readonly T[])[] {
  const chunks: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}
