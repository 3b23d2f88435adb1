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
import { checkBackupName, defaultBackupName } from "./backup-name.ts";
import type { Table } from "./table.ts";
import { checkTableNames } from "./table-names.ts";
import { otherPinOf, pinOf } from "./table-pin.ts";

const READS_AT_ONCE = 10;

/** A table that is being created, updated or tagged is in use for a while (AWS.md, 5): how long that is waited for. */
const IN_USE_LIMIT_MS = 120_000;
const BUSY_CODES: ReadonlySet<string> = new Set([
  "ResourceInUseException",
  "LimitExceededException",
  // Of CreateBackup. Backups are switched on for a new table, which takes a while.
  "TableInUseException",
  "BackupInUseException",
  "ContinuousBackupsUnavailableException",
]);
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** A wait that is told, each time: nobody wonders at a shorter one. */
const LONG_RETRY_MS = 5_000;
/** A throttled call is sent no more often than that. */
const THROTTLED_TRIES = 3;

const WORDING: Wording = {
  verb: "delete",
  done: "deleted",
  noun: "table",
  nouns: "tables",
  protection: "deletion protection",
};

export interface DeleteTableOptions {
  /** Make an on-demand backup of each first, and delete it only when that is AVAILABLE. */
  readonly backup?: boolean;
  /** Of the backups. Implies `backup`: whoever names one wants it. Default: of each its table's name and the time. */
  readonly backupName?: string;
}

/**
 * `delete-table <names…>`: dynamodb:DeleteTable, one table a call, one after the other; with a backup, each right before
 * its table is deleted, so that little that is written meanwhile is lost.
 * @throws USAGE for a backup's name that DynamoDB would refuse
 */
export function makeDeleteTable({ backup = false, backupName }: DeleteTableOptions = {}): DestructiveAction {
  const isBackedUp = backup || backupName !== undefined;
  if (backupName !== undefined) checkBackupName(backupName);
  return {
    name: "delete-table",
    wording: WORDING,
    service: "dynamodb",
    batchSize: 1,
    precaution: isBackedUp
      ? `a backup ${backupName ?? "<table>-<time>"} is made of each table first; the table is deleted only when that is AVAILABLE`
      : undefined,
    usualSeconds: 30,
    // A backup is there within minutes, most within seconds (API reference, CreateBackup).
    ...(isBackedUp ? { preparationSeconds: 270 } : {}),
    checkIds: checkTableNames,
    needs(names, home) {
      const tables = names.map(
        (name) => `arn:${home.partition}:dynamodb:${home.region}:${home.accountId}:table/${name}`,
      );
      const plain = ["dynamodb:DescribeTable", "dynamodb:DeleteTable"];
      if (!isBackedUp) return [{ actions: plain, resources: tables }];
      return [
        { actions: [...plain, "dynamodb:CreateBackup"], resources: tables },
        { actions: ["dynamodb:DescribeBackup"], resources: tables.map((table) => `${table}/backup/*`) },
        // IAM knows no narrower resource for it (service authorization reference); asked only after a lost reply.
        { actions: ["dynamodb:ListBackups"], resources: ["*"] },
      ];
    },
    open: (scope, note) => openDeleteTable(scope, note, isBackedUp ? { name: backupName } : undefined),
  };
}

/** Without a backup. */
export const deleteTable: DestructiveAction = makeDeleteTable();

/** @param backup undefined: none is made. Its name undefined: that of the table, and the time */
async function openDeleteTable(
  scope: ActionScope,
  note: (text: string) => void,
  backup: { readonly name: string | undefined } | undefined,
): Promise<ActionSteps> {
  const { makeDynamoDb } = await import("./dynamodb-client.ts");
  const dynamoDb = makeDynamoDb(scope);
  /** The tables, by name, whose backup is AVAILABLE and known to be theirs. */
  const backedUp = new Set<string>();
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
    if (backup !== undefined && !backedUp.has(view.id)) throw new RangeError(`table ${view.id} has no backup`);
    const { requestId, ...deleted } = await dynamoDb.deleteTable(view.id);
    const other = otherPinOf(deleted, view.pin);
    if (other === undefined) return { states: new Map([[view.id, stateOf(deleted.status)]]), requestId };
    // DeleteTable takes a name and no condition: what was created again after the last look went in its place.
    const what = `${view.id} was created again in between (shown: ${view.pin}, deleted: ${other})`;
    const error = new AssumeMfaError(
      "WRONG_STATE",
      `the table that was deleted is not the one that was shown: ${what}`,
      { hint: "tell whoever created it; a point-in-time recovery or a backup of it can bring it back" },
    );
    return { ...spare(view, deleted, error), requestId };
  }

  /** Tries again while DynamoDB refuses for the moment only. @throws its refusal also where Ctrl-C ends it */
  async function untilNotBusy<T>(
    view: ResourceView,
    retryUntil: number,
    done: string,
    attempt: () => Promise<T>,
  ): Promise<T> {
    const until = Math.min(retryUntil, clock.now() + IN_USE_LIMIT_MS);
    let delayMs = FIRST_RETRY_MS;
    let throttled = 0;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        // Without a first look nothing tells this table from a later one of its name: sent once.
        if (view.pin === undefined || !isTransientRefusal(error) || clock.now() + delayMs > until) throw error;
        const failure = awsFailureOf(error);
        if (failure !== undefined && isThrottled(failure) && ++throttled >= THROTTLED_TRIES) throw error;
        const isLong = delayMs >= LONG_RETRY_MS;
        if (isLong || delayMs === FIRST_RETRY_MS) {
          const when = isLong ? ` in ${delayMs / 1000} s` : "";
          note(`${view.id} can't be ${done} yet, trying again${when}: ${messageOf(error)}`);
        }
        try {
          await clock.sleep(delayMs, interrupts.signal);
        } catch (interruption) {
          // It was asked for, and refused: that is the news of it.
          throw interrupts.signal.aborted ? error : interruption;
        }
        delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS);
      }
    }
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

    ...(backup === undefined
      ? {}
      : {
          async prepare(view, giveUpAt, ports) {
            const { createTableBackup, waitForTableBackup } = await import("./table-backup.ts");
            const awsNow = () => clock.now() + (scope.clientSettings("dynamodb", 1).clock?.offsetMs() ?? 0);
            const told = { ...ports, note, awsNow };
            const made = await untilNotBusy(view, ports.retryUntil, "backed up", async () => {
              // What is not to be deleted any more needs no backup: `act` says why.
              if ((await lookAgain(view)) !== undefined) return undefined;
              interrupts.signal.throwIfAborted();
              const name = backup.name ?? defaultBackupName(view.id, awsNow());
              return createTableBackup(dynamoDb, view.id, name, scope, told);
            });
            if (made === undefined) return;
            await waitForTableBackup(dynamoDb, made, view, giveUpAt, scope, told);
            backedUp.add(view.id);
          },
        }),

    async act(batch, retryUntil) {
      const [view] = batch;
      if (view === undefined || batch.length > 1) throw new RangeError("one table a call");
      return untilNotBusy(view, retryUntil, "deleted", () => deleteOnce(view));
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

function spare(view: ResourceView, table: Pick<Table, "status">, error: AssumeMfaError): ActReply {
  return { states: new Map(), spared: new Map([[view.id, { error, state: table.status }]]), requestId: undefined };
}

function stateOf(status: string): ResourceState {
  return { state: status, phase: status === "DELETING" ? "under way" : "untouched" };
}

function viewOf(name: string, table: Table): ResourceView {
  const facts: [string, string][] = [];
  if (table.items !== null) facts.push(["items", String(table.items)]);
  if (table.bytes !== null) facts.push(["bytes", String(table.bytes)]);
  if (table.replicas.length > 0) facts.push(["replicas elsewhere, which stay", String(table.replicas.length)]);
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

/** The name stands for another table than the one that was looked at. */
function isAnother(table: Table, view: ResourceView): boolean {
  return otherPinOf(table, view.pin) !== undefined;
}

/**
 * DynamoDB refused for the moment: nothing was done, so the call may be sent again.
 * A throttled call counts only where the refusal is a 4xx; a 5xx leaves open what was done.
 */
function isTransientRefusal(error: unknown): boolean {
  const failure = awsFailureOf(error);
  if (failure?.kind !== "refused") return false;
  return BUSY_CODES.has(failure.code) || isThrottled(failure);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
