import { isThrottled } from "../../aws/aws-failure.ts";
import { AssumeMfaError } from "../../errors.ts";
import type {
  ActionScope,
  ActionSteps,
  ActReply,
  DestructiveAction,
  ResourceState,
  ResourceView,
  Wording,
} from "../action.ts";
import { awsFailureOf, isDenial, isRefusedWith } from "../action-errors.ts";
import { mapAtMost } from "../at-most.ts";
import { unseenView } from "../unseen-view.ts";
import type { Table } from "./table.ts";
import { checkTableNames } from "./table-names.ts";

const READS_AT_ONCE = 10;

/** A table that is being created, updated or tagged is in use for a while (AWS.md, 5): how long that is waited for. */
const IN_USE_LIMIT_MS = 120_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

const WORDING: Wording = {
  verb: "delete",
  done: "deleted",
  noun: "table",
  nouns: "tables",
  protection: "deletion protection",
};

/** `delete-table <names…>`: dynamodb:DeleteTable, one table a call, one after the other. */
export const deleteTable: DestructiveAction = {
  name: "delete-table",
  wording: WORDING,
  service: "dynamodb",
  batchSize: 1,
  usualSeconds: 30,
  checkIds: checkTableNames,
  needs: (names, home) => [
    {
      actions: ["dynamodb:DescribeTable", "dynamodb:DeleteTable"],
      resources: names.map((name) => `arn:${home.partition}:dynamodb:${home.region}:${home.accountId}:table/${name}`),
    },
  ],
  open: openDeleteTable,
};

async function openDeleteTable(scope: ActionScope, note: (text: string) => void): Promise<ActionSteps> {
  const { makeDynamoDb } = await import("./dynamodb-client.ts");
  const dynamoDb = makeDynamoDb(scope);
  const { clock, interrupts } = scope;

  /** @returns undefined when there is no such table */
  async function find(name: string): Promise<Table | undefined> {
    try {
      return await dynamoDb.describeTable(name);
    } catch (error) {
      if (isRefusedWith(error, "ResourceNotFoundException")) return undefined;
      throw error;
    }
  }

  /**
   * Looks at the table right before it is deleted, so that what was confirmed is what goes.
   * @returns the reply that makes a call needless; undefined when it is to be deleted
   */
  async function lookAgain(view: ResourceView): Promise<ActReply | undefined> {
    // What could not be looked at the first time has no pin to compare.
    if (view.state === undefined) return undefined;
    const table = await find(view.id);
    if (table === undefined) return needless(view, GONE);
    if (isAnother(table, view)) {
      return spare(
        view,
        table,
        new AssumeMfaError(
          "AWS_REFUSED",
          `table ${view.id} was deleted and created again since it was looked at; the new one was left alone`,
          { hint: "run it again to look at the new table" },
        ),
      );
    }
    if (table.status === "DELETING") return needless(view, stateOf(table.status));
    if (table.deletionProtection === true) {
      return spare(
        view,
        table,
        new AssumeMfaError("PROTECTED", `table ${view.id} has deletion protection since it was looked at`, {
          hint: "protection is never switched off by this program",
        }),
      );
    }
    return undefined;
  }

  async function deleteOnce(view: ResourceView): Promise<ActReply> {
    const reply = await lookAgain(view);
    if (reply !== undefined) return reply;
    interrupts.signal.throwIfAborted();
    const { status, requestId } = await dynamoDb.deleteTable(view.id);
    return { states: new Map([[view.id, stateOf(status)]]), requestId };
  }

  return {
    async look(names) {
      const denied: string[] = [];
      const answers = await mapAtMost(READS_AT_ONCE, names, async (name) => {
        try {
          const table = await find(name);
          return table === undefined ? undefined : viewOf(name, table);
        } catch (error) {
          if (!isDenial(error)) throw error;
          denied.push(name);
          return unseenView(name);
        }
      });
      if (denied.length > 0) {
        note(`cannot look at ${denied.join(", ")}: the role may not do dynamodb:DescribeTable`);
      }
      return {
        resources: answers.flatMap((view) => view ?? []),
        missing: names.filter((_, index) => answers[index] === undefined),
      };
    },

    dryRun: undefined,

    async act(batch, giveUpAt) {
      const [view] = batch;
      if (view === undefined || batch.length > 1) throw new RangeError("one table a call");
      const until = Math.min(giveUpAt, clock.now() + IN_USE_LIMIT_MS);
      let delayMs = FIRST_RETRY_MS;
      for (;;) {
        try {
          return await deleteOnce(view);
        } catch (error) {
          // Without a first look nothing tells this table from a later one of its name: sent once.
          if (view.pin === undefined || !isTransientRefusal(error) || clock.now() + delayMs > until) throw error;
          if (delayMs === FIRST_RETRY_MS) note(`${view.id} can't be deleted yet, trying again: ${messageOf(error)}`);
          await clock.sleep(delayMs, interrupts.signal);
          delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS);
        }
      }
    },

    mayBePartial: () => false,

    async read(views) {
      const states = await mapAtMost(READS_AT_ONCE, views, async (view): Promise<[string, ResourceState]> => {
        const table = await find(view.id);
        if (table === undefined) return [view.id, GONE];
        if (isAnother(table, view)) {
          return [view.id, { ...GONE, remark: "another table of this name has been created since" }];
        }
        return [view.id, stateOf(table.status)];
      });
      return new Map(states);
    },

    close: () => dynamoDb.close(),
  };
}

const GONE: ResourceState = { state: "gone", phase: "reached" };

function needless(view: ResourceView, state: ResourceState): ActReply {
  return { states: new Map([[view.id, state]]), requestId: undefined };
}

function spare(view: ResourceView, table: Table, error: AssumeMfaError): ActReply {
  return { states: new Map(), spared: new Map([[view.id, { error, state: table.status }]]), requestId: undefined };
}

function stateOf(status: string): ResourceState {
  return { state: status, phase: status === "DELETING" ? "under way" : "untouched" };
}

function viewOf(name: string, table: Table): ResourceView {
  const facts: [string, string][] = [];
  if (table.items !== null) facts.push(["items", String(table.items)]);
  if (table.bytes !== null) facts.push(["bytes", String(table.bytes)]);
  return {
    id: name,
    name: undefined,
    type: table.billing,
    zone: undefined,
    ...stateOf(table.status),
    createdAt: table.createdAt === null ? undefined : Date.parse(table.createdAt),
    protection: protectionOf(table),
    pin: pinOf(table),
    facts,
  };
}

function protectionOf(table: Table): ResourceView["protection"] {
  if (table.deletionProtection === null) return "unknown";
  return table.deletionProtection ? "protected" : "unprotected";
}

/**
 * TableId where the service gives one, else the time of creation (AWS.md, "Seen in moto"), which DynamoDB leaves out for
 * a table on its way out.
 */
function pinOf(table: Table): string | undefined {
  return table.tableId ?? (table.createdAt === null ? undefined : `created ${table.createdAt}`);
}

/** The name stands for another table than the one that was looked at. */
function isAnother(table: Table, view: ResourceView): boolean {
  const pin = pinOf(table);
  return pin !== undefined && view.pin !== undefined && pin !== view.pin;
}

/**
 * DynamoDB refused for the moment: nothing was done, so the call may be sent again.
 * A throttled call counts only where the refusal is a 4xx; a 5xx leaves open what was done.
 */
function isTransientRefusal(error: unknown): boolean {
  const failure = awsFailureOf(error);
  if (failure?.kind !== "refused") return false;
  return failure.code === "ResourceInUseException" || failure.code === "LimitExceededException" || isThrottled(failure);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
