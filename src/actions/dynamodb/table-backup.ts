import { AssumeMfaError } from "../../errors.ts";
import type { ActionScope, PreparationPorts, ResourceView } from "../action.ts";
import { awsFailureOf, isRefusedWith } from "../action-errors.ts";
import { makePace } from "../pace.ts";
import { readPages } from "../paging.ts";
import type { DynamoDb, TableBackup } from "./dynamodb-client.ts";
import { pinOf } from "./table-pin.ts";

/** After a lost reply, and before a new backup can be described: what DynamoDB shows lags behind what it does. */
const SETTLE_MS = 10_000;
const SETTLE_STEP_MS = 400;
/** How exactly AWS's clock is known: its answers are dated to the second. */
const CLOCK_MARGIN_MS = 2_000;

export interface BackupPorts extends PreparationPorts {
  /** A line for people. */
  note(text: string): void;
  /** AWS's clock, milliseconds since 1970. */
  awsNow(): number;
}

/**
 * Makes an on-demand backup of a table. CreateBackup is not idempotent, so it is sent once: a lost reply is resolved by
 * looking for the backup.
 * @param backupName checked by `checkBackupName`
 * @returns the backup, which DynamoDB is still at
 * @throws whatever leaves open whether there is one; InterruptedError
 */
export async function createTableBackup(
  dynamoDb: DynamoDb,
  tableName: string,
  backupName: string,
  scope: Pick<ActionScope, "clock" | "interrupts">,
  ports: BackupPorts,
): Promise<TableBackup> {
  const since = ports.awsNow() - CLOCK_MARGIN_MS;
  try {
    const { requestId, ...backup } = await dynamoDb.createBackup(tableName, backupName);
    ports.asked(requestId);
    if (backup.arn !== "") {
      ports.made(reported(backup));
      return backup;
    }
  } catch (error) {
    const failure = awsFailureOf(error);
    if (failure?.kind !== "ambiguous") throw error;
    ports.asked(failure.requestId);
    return findMade(error, "");
  }
  const untold = new AssumeMfaError("REPLY_LOST", "the answer to dynamodb:CreateBackup does not tell of it", {
    hint: "look before doing it again: it may have been made",
  });
  return findMade(untold, `backup ${backupName} of table ${tableName} can't be relied on: `);

  async function findMade(error: unknown, before: string): Promise<TableBackup> {
    const found = await findLost(dynamoDb, tableName, backupName, since, scope).catch((trouble: unknown) => {
      if (scope.interrupts.signal.aborted) throw trouble;
      const what = `; it can't be read whether there is a backup ${backupName} (${messageOf(trouble)})`;
      throw withContext(error, before, what);
    });
    if (found === undefined) throw withContext(error, before, `; no backup ${backupName} is to be seen`);
    ports.note(`the answer to the backup's call was lost; looking again shows that it was carried out`);
    ports.made(reported(found));
    return found;
  }
}

/** @param since by AWS's clock: an older backup of this name is another's */
async function findLost(
  dynamoDb: DynamoDb,
  tableName: string,
  backupName: string,
  since: number,
  { clock, interrupts }: Pick<ActionScope, "clock" | "interrupts">,
): Promise<TableBackup | undefined> {
  const until = clock.now() + SETTLE_MS;
  for (;;) {
    const pages = readPages(async (startArn) => {
      const { backups, nextArn } = await dynamoDb.listBackups(tableName, since, startArn);
      return { backups, nextToken: nextArn };
    });
    for await (const { backups } of pages) {
      const found = backups.find(({ name, createdAt }) => name === backupName && (createdAt ?? 0) >= since);
      if (found !== undefined) return found;
    }
    if (clock.now() >= until) return undefined;
    await clock.sleep(SETTLE_STEP_MS, interrupts.signal);
  }
}

/**
 * Waits until a backup is AVAILABLE and known to be of the table that was looked at.
 * @param giveUpAt milliseconds since 1970
 * @throws AssumeMfaError STILL_IN_PROGRESS at `giveUpAt`; whatever leaves it open; InterruptedError
 */
export async function waitForTableBackup(
  dynamoDb: DynamoDb,
  backup: TableBackup,
  view: ResourceView,
  giveUpAt: number,
  scope: Pick<ActionScope, "clock" | "interrupts">,
  ports: BackupPorts,
): Promise<void> {
  try {
    await waitUntilAvailable(dynamoDb, backup, view, giveUpAt, scope, ports);
  } catch (error) {
    throw withContext(error, `backup ${backup.name} of table ${view.id} can't be relied on: `);
  }
}

async function waitUntilAvailable(
  dynamoDb: DynamoDb,
  { arn, name }: TableBackup,
  view: ResourceView,
  giveUpAt: number,
  { clock, interrupts }: Pick<ActionScope, "clock" | "interrupts">,
  ports: BackupPorts,
): Promise<void> {
  const createdAt = clock.now();
  const pace = makePace();
  for (;;) {
    try {
      const backup = await dynamoDb.describeBackup(arn);
      ports.made(reported({ ...backup, name, arn }));
      checkIsOf(view, backup);
      if (backup.status === "AVAILABLE") return;
      if (backup.status !== "CREATING") {
        throw new AssumeMfaError("AWS_REFUSED", `it is ${backup.status}`, { hint: "run it again to make another" });
      }
      pace.answered();
      ports.waiting(`backup ${backup.status}`);
    } catch (error) {
      if (awsFailureOf(error) !== undefined) ports.made({ name, arn, status: "unknown" });
      const isNotSeenYet = isRefusedWith(error, "BackupNotFoundException") && clock.now() < createdAt + SETTLE_MS;
      if (!isNotSeenYet && !pace.isWorthAnotherLook(error)) throw error;
    }
    const leftMs = giveUpAt - clock.now();
    if (leftMs <= 0) {
      throw new AssumeMfaError(
        "STILL_IN_PROGRESS",
        `it is not AVAILABLE after ${Math.round((clock.now() - createdAt) / 1000)} s`,
        { hint: "AWS goes on with it: run it again later, or give a longer --timeout" },
      );
    }
    await clock.sleep(Math.min(pace.delayMs, leftMs), interrupts.signal);
  }
}

/** @throws AssumeMfaError AWS_REFUSED for a backup of another table of this name, or when that can't be told */
function checkIsOf(view: ResourceView, backup: TableBackup): void {
  // What the role may not look at has no pin: it is known by its name alone.
  if (view.pin === undefined || (backup.table !== undefined && pinOf(backup.table) === view.pin)) return;
  throw new AssumeMfaError("AWS_REFUSED", `it is not of the table that was shown, which may have been created again`, {
    hint: "run it again to look at the table that is there now",
  });
}

function reported({ name, arn, status }: TableBackup) {
  return { name, arn, status };
}

/** The same error with what it means for the table; what made it stays readable (`awsFailureOf`). */
function withContext(error: unknown, before: string, after = ""): unknown {
  if (!(error instanceof AssumeMfaError)) return error;
  return new AssumeMfaError(error.code, `${before}${error.message}${after}; the table was not deleted`, {
    hint: error.hints,
    cause: error.cause,
    details: error.details ?? {},
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
