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

/** The list in pieces of at most `size`, in order. */
export function chunksOf<T>(size: number, items: readonly T[]): readonly (readonly T[])[] {
  const chunks: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size));
  return chunks;
}
