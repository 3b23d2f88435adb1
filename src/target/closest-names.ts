/** Names longer than this are compared by their beginning only: a hostile word must not cost a quadratic time. */
const COMPARED_LENGTH = 64;

/**
 * What somebody may have meant: the candidates with the fewest edits (a swap of neighbours is one) to `word`, upper and
 * lower case alike, closest first, equals in the order given. None is too far: with few candidates all are worth a look.
 * @param count how many at most
 */
export function closestNames(word: string, candidates: Iterable<string>, count: number): readonly string[] {
  const best: { readonly name: string; readonly distance: number }[] = [];
  for (const name of candidates) {
    const limit = best.length < count ? Number.POSITIVE_INFINITY : (best.at(-1)?.distance ?? 0);
    if (limit === 0) continue;
    const distance = editDistance(word, name, limit);
    if (distance >= limit) continue;
    const index = best.findIndex((entry) => entry.distance > distance);
    best.splice(index === -1 ? best.length : index, 0, { name, distance });
    if (best.length > count) best.pop();
  }
  return best.map((entry) => entry.name);
}

/**
 * Those of the closest that may well have been meant: half of the word's letters right at least, or the word is a part of
 * the name (`prod` of `production`).
 */
export function nearNames(word: string, candidates: Iterable<string>, count: number): readonly string[] {
  const part = word.toLowerCase();
  const names = [...candidates];
  const containing = part.length < 2 ? [] : names.filter((name) => name.toLowerCase().includes(part));
  const near = closestNames(word, names, count).filter(
    (name) => editDistance(word, name) <= Math.max(1, word.length / 2),
  );
  return [...new Set([...near, ...containing])].slice(0, count);
}

/**
 * Optimal string alignment distance, ignoring case.
 * @param limit may give up, and return `limit`, once the distance can't be below it
 */
export function editDistance(first: string, second: string, limit: number = Number.POSITIVE_INFINITY): number {
  const a = first.slice(0, COMPARED_LENGTH).toLowerCase();
  const b = second.slice(0, COMPARED_LENGTH).toLowerCase();
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let smallest = i;
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      let cell = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cell = Math.min(cell, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cell);
      smallest = Math.min(smallest, cell);
    }
    // No later cell is below this row's smallest (a swap starts a row higher, but costs one).
    if (smallest >= limit) return limit;
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
