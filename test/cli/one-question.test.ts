import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { oneQuestionAtATime } from "../../src/cli/one-question.ts";
import { makeFakeHost } from "../support/fake-host.ts";

it("a question waits for the answer to the one before, also where that one fails", async () => {
  let open = 0;
  let mostAtOnce = 0;
  const reply = (answer: string) => async () => {
    mostAtOnce = Math.max(mostAtOnce, ++open);
    await pause(10);
    open -= 1;
    if (answer === "fails") throw new Error(answer);
    return answer;
  };
  const fake = makeFakeHost({ argv: [], env: {}, now: () => 0, replies: ["one", "fails", "three"].map(reply) });
  const host = oneQuestionAtATime(fake);
  const ends = await Promise.allSettled(
    ["1? ", "2? ", "3? "].map(async (question) => {
      const terminal = host.openTerminal();
      try {
        return await terminal?.askLine(question);
      } finally {
        terminal?.close();
      }
    }),
  );
  expect(mostAtOnce).toBe(1);
  expect(fake.questions).toEqual(["1? ", "2? ", "3? "]);
  expect(ends).toMatchObject([{ value: "one" }, { status: "rejected" }, { value: "three" }]);
  expect(fake.openTerminals).toBe(0);
});
