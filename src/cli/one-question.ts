import type { Host } from "../host/host.ts";

/**
 * The same host, whose terminal has one question at a time: work that goes on side by side may each have one, and two at
 * once would be none.
 */
export function oneQuestionAtATime(host: Host): Host {
  let last: Promise<unknown> | undefined;
  const inTurn = <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    // At once where it can be, as a terminal does.
    const answer = last === undefined ? ask() : last.then(ask);
    const settled: Promise<unknown> = answer
      .catch(() => undefined)
      .then(() => {
        if (last === settled) last = undefined;
      });
    last = settled;
    return answer;
  };
  return {
    ...host,
    openTerminal() {
      const terminal = host.openTerminal();
      if (terminal === undefined) return undefined;
      return {
        get columns() {
          return terminal.columns;
        },
        canPick: terminal.canPick,
        write: (text) => terminal.write(text),
        askLine: (question, options) => inTurn(() => terminal.askLine(question, options)),
        pick: (question, choices) => inTurn(() => terminal.pick(question, choices)),
        close: () => terminal.close(),
      };
    },
  };
}
