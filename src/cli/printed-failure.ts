/** A failure whose JSON stands on standard output already. */
export class PrintedFailure extends Error {
  constructor(cause: Error) {
    super("printed", { cause });
  }
}
