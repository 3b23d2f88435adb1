import { expect, it } from "vitest";
import type { DestructiveAction, ResourceView } from "../../src/actions/action.ts";
import { runRecorded } from "../../src/cli/recorded-action.ts";
import { Credentials } from "../../src/credentials/credentials.ts";
import type { History, HistoryEntry } from "../../src/history/history.ts";
import { makeTestScope } from "../support/action-scope.ts";
import { makeFakeClock } from "../support/fake-clock.ts";

const VIEW: ResourceView = {
  id: "a-thing",
  name: undefined,
  type: undefined,
  zone: undefined,
  state: "there",
  phase: "untouched",
  createdAt: undefined,
  protection: "unprotected",
  pin: undefined,
  facts: [],
};

/** An action that is taken, and never seen to be done. */
const ACTION: DestructiveAction = {
  name: "lose",
  wording: { verb: "lose", done: "lost", noun: "thing", nouns: "things", protection: undefined },
  service: "ec2",
  batchSize: 10,
  usualSeconds: 1,
  checkIds: (words) => words,
  needs: () => [],
  open: async () => ({
    look: async () => ({ resources: [VIEW], missing: [] }),
    dryRun: undefined,
    act: async () => ({ states: new Map([[VIEW.id, { state: "going", phase: "under way" }]]), requestId: "r-1" }),
    mayBePartial: () => false,
    read: async () => new Map([[VIEW.id, { state: "going", phase: "under way" }]]),
    close: () => undefined,
  }),
};

it("what a defect of ours ends after the call was made is told as unknown, never as not done", async () => {
  const written: HistoryEntry[] = [];
  const history: History = {
    append: async (entry) => void written.push(entry),
    list: async () => ({ entries: [], damaged: 0, isAll: true }),
    verify: () => Promise.reject(new Error("not asked for")),
  };
  const credentials = new Credentials({ accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: "x", sessionToken: "y" });
  const scope = makeTestScope({
    accountId: "222222222222",
    credentials,
    endpoint: undefined,
    clock: makeFakeClock(),
  });
  const run = runRecorded(
    { history, agreement: "yes or no", scopes: [scope] },
    ACTION,
    [VIEW.id],
    scope,
    { dryRun: false, wait: true, timeoutSeconds: 60 },
    {
      show: () => undefined,
      confirm: async () => undefined,
      progress() {
        throw new TypeError("a defect");
      },
      note: () => undefined,
      report: () => undefined,
    },
  );
  await expect(run).rejects.toThrow("a defect");
  expect(written).toMatchObject([
    { event: "action begun", confirmed: "yes", resources: [{ id: "a-thing", before: "there" }] },
    {
      event: "action ended",
      accessKeyIds: ["ASIAIOSFODNN7EXAMPLE"],
      resources: [{ id: "a-thing", before: "there", state: null, outcome: "unknown" }],
      code: "UNEXPECTED",
      exitCode: 1,
    },
  ]);
});
