import { randomUUID } from "node:crypto";
import type { ActionScope, DestructiveAction, Look, Report, RunFailure } from "../actions/action.ts";
import { awsFailureOf } from "../actions/action-errors.ts";
import {
  type DestructiveOptions,
  type DestructivePorts,
  type DestructiveRun,
  runDestructive,
} from "../actions/run-destructive.ts";
import { AssumeMfaError, InterruptedError } from "../errors.ts";
import type { ActionEnded, History } from "../history/history.ts";
import { endpointName } from "../session/opened-session.ts";
import type { Agreement } from "./confirm.ts";

/** Where an action is written down, and what of it the action itself does not know. */
export interface ActionRecord {
  readonly history: History;
  readonly agreement: Agreement;
  /** Those of the sessions that it is done with. */
  readonly scopes: readonly ActionScope[];
}

/**
 * `runDestructive` with its lines in the history: one before the first call that changes something, and one with what
 * became of it, also where it was declined, refused after it was shown, or only tried out.
 * @throws as `runDestructive` does
 */
export async function runRecorded(
  { history, agreement, scopes }: ActionRecord,
  action: DestructiveAction,
  ids: readonly string[],
  scope: ActionScope,
  options: DestructiveOptions,
  ports: DestructivePorts,
): Promise<DestructiveRun> {
  const { target } = scope;
  const endpoint = endpointName(target.endpoints[action.service]?.value);
  let shown: Look | undefined;
  let isBegun = false;
  let isReported = false;
  let confirmed: ActionEnded["confirmed"] = null;
  const facts = () => ({
    run,
    target: target.name,
    account: scope.accountId,
    region: scope.region.value,
    role: target.role.value.arn,
    sessionName: scope.sessionName ?? null,
    accessKeyIds: scopes.map((one) => one.clientSettings(action.service, 1).credentials.accessKeyId),
    action: action.name,
    confirmed,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const run = randomUUID();
  const resourcesOf = (look: Look) =>
    look.resources.map(({ id, name, state }) => ({ id, name: name ?? null, before: state ?? null }));
  const end = (
    { dryRun, resources, requestIds }: Pick<Report, "dryRun" | "resources" | "requestIds">,
    error: unknown,
  ) => history.append({ event: "action ended", ...facts(), dryRun, resources, requestIds, ...endOf(error) });

  try {
    return await runDestructive(action, ids, scope, options, {
      ...ports,
      async show(look) {
        shown = look;
        await ports.show(look);
      },
      async confirm(look) {
        await ports.confirm(look);
        confirmed = CONFIRMED[agreement] ?? (target.confirm.value === "never" ? "never" : "--yes");
      },
      async begin(look) {
        await ports.begin?.(look);
        await history.append({ event: "action begun", ...facts(), resources: resourcesOf(look) });
        isBegun = true;
      },
      async report(report: Report, failure: RunFailure | undefined) {
        isReported = true;
        await ports.report(report, failure);
        await end(report, failure);
      },
    });
  } catch (error) {
    // What stopped before anything was shown has only read.
    if (shown !== undefined && !isReported) {
      const isNothingDone = !isBegun || isUnsent(error);
      const resources = resourcesOf(shown).map((one) => ({
        ...one,
        state: isNothingDone ? one.before : null,
        outcome: isNothingDone ? ("not done" as const) : ("unknown" as const),
      }));
      await end({ dryRun: options.dryRun, resources, requestIds: [] }, error);
    }
    throw error;
  }
}

const CONFIRMED: Readonly<Record<Agreement, ActionEnded["confirmed"]>> = {
  "yes or no": "yes",
  "type the name": "typed",
  given: null,
};

/** The first call never left, so that the run ends without a report. */
function isUnsent(error: unknown): boolean {
  return (error instanceof AssumeMfaError && error.code === "NETWORK") || awsFailureOf(error)?.kind === "unsent";
}

function endOf(error: unknown): Pick<ActionEnded, "code" | "exitCode"> {
  if (error === undefined) return { code: null, exitCode: 0 };
  if (error instanceof AssumeMfaError) return { code: error.code, exitCode: error.exitCode };
  if (error instanceof InterruptedError) return { code: error.signal, exitCode: error.exitCode };
  return { code: "UNEXPECTED", exitCode: 1 };
}
