import { AssumeMfaError } from "../errors.ts";

/**
 * What goes wrong on purpose (`sandbox start --fault`). `drop-reply` and `cut-reply` do the work and lose the answer,
 * whole or after some bytes; `late-5xx` does it and says 500; `slow` does it and answers late. `throttle`, `5xx` and
 * `silent` do nothing. `clock-skew` is not of an operation: AWS's clock and alice's device are that far
 * from the clock of the programs inside.
 */
export type FaultKind = "drop-reply" | "cut-reply" | "late-5xx" | "slow" | "throttle" | "5xx" | "silent";

/** One thing that goes wrong on purpose. */
export type Fault =
  | {
      readonly kind: FaultKind;
      /** As the API names it; `*` for every one. */
      readonly operation: string;
      /** Milliseconds for `slow`, bytes of the answer that still come for `cut-reply`; 0 for the others. */
      readonly amount: number;
      /** How many times it happens; undefined for ever. */
      readonly times: number | undefined;
    }
  | { readonly kind: "clock-skew"; readonly skewMs: number };

const WITHOUT_AMOUNT: ReadonlySet<string> = new Set(["drop-reply", "late-5xx", "throttle", "5xx", "silent"]);
const GRAMMAR =
  "faults are drop-reply:AssumeRole, cut-reply=100:AssumeRole, 5xx:…, late-5xx:…, throttle:…, silent:…, slow=2s:…, " +
  "each with :<times> after it if not always, and clock-skew=+20m";
const MAX_SLOW_MS = 600_000;

/**
 * Reads the text of one `--fault`: `kind[=amount]:operation[:times]`, or `clock-skew=±duration`.
 * @throws AssumeMfaError USAGE
 */
export function parseFault(text: string): Fault {
  const [head = "", operation, times, ...rest] = text.split(":");
  const [kind = "", amount, ...moreAmounts] = head.split("=");
  const refuse = (): never => {
    throw new AssumeMfaError("USAGE", `no such fault: ${text}`, { hint: GRAMMAR });
  };
  if (rest.length > 0 || moreAmounts.length > 0) return refuse();
  if (kind === "clock-skew") {
    const skewMs = parseDurationMs(amount ?? "");
    return operation === undefined && skewMs !== undefined ? { kind, skewMs } : refuse();
  }
  if (operation === undefined || !/^(?:[A-Za-z]{1,64}|\*)$/.test(operation)) return refuse();
  if (times !== undefined && !/^[1-9]\d{0,5}$/.test(times)) return refuse();
  const common = { operation, times: times === undefined ? undefined : Number(times) };
  if (WITHOUT_AMOUNT.has(kind))
    return amount === undefined ? { kind: kind as FaultKind, amount: 0, ...common } : refuse();
  if (kind === "slow") {
    const slowMs = parseDurationMs(amount ?? "");
    if (slowMs === undefined || slowMs < 0 || slowMs > MAX_SLOW_MS) return refuse();
    return { kind, amount: slowMs, ...common };
  }
  if (kind === "cut-reply" && amount !== undefined && /^\d{1,7}$/.test(amount)) {
    return { kind, amount: Number(amount), ...common };
  }
  return refuse();
}

/** @throws AssumeMfaError USAGE for a fault that no call would ever meet */
export function checkFaultOperation(fault: Fault, operationNames: ReadonlySet<string>): void {
  if (fault.kind === "clock-skew" || fault.operation === "*" || operationNames.has(fault.operation)) return;
  const close = listCloseNames(fault.operation, operationNames);
  throw new AssumeMfaError("USAGE", `no service of the sandbox has the operation ${fault.operation}`, {
    hint: close.length > 0 ? `the closest: ${close.join(", ")}` : "an operation is written as the API names it, or *",
  });
}

const MAX_CLOSE_NAMES = 3;

/** Names that a few letters make of this one, whatever their case; the closest first. */
function listCloseNames(name: string, names: Iterable<string>): string[] {
  const limit = Math.max(2, Math.floor(name.length / 4));
  return [...names]
    .map((each) => ({ each, distance: editDistance(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((left, right) => left.distance - right.distance)
    .slice(0, MAX_CLOSE_NAMES)
    .map(({ each }) => each);
}

/** How many letters must be put in, left out or changed (Levenshtein). */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...left].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...right].entries()) {
      const changed = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(changed, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `+20m`, `-90s`, `500ms`, `1h`. @returns undefined for anything else */
export function parseDurationMs(text: string): number | undefined {
  const match = /^([+-]?)(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  const unitMs = UNIT_MS[match?.[3] ?? ""];
  if (match === null || unitMs === undefined) return undefined;
  return Number(match[2]) * unitMs * (match[1] === "-" ? -1 : 1);
}

/** A fault that calls of an operation meet. */
export type OperationFault = Exclude<Fault, { readonly kind: "clock-skew" }>;

/** The faults in force, and how often each still happens. */
export class FaultTable {
  readonly #faults: { readonly fault: OperationFault; left: number }[] = [];
  #skewMs = 0;

  constructor(faults: readonly Fault[]) {
    for (const fault of faults) this.add(fault);
  }

  add(fault: Fault): void {
    if (fault.kind === "clock-skew") this.#skewMs = fault.skewMs;
    else this.#faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#faults.length = 0;
    this.#skewMs = 0;
  }

  /** AWS's clock less that of the programs inside, in milliseconds. */
  get skewMs(): number {
    return this.#skewMs;
  }

  /** The fault that this call meets, counted; the first that fits. */
  take(operation: string): OperationFault | undefined {
    const entry = this.#faults.find(
      ({ fault, left }) => left > 0 && (fault.operation === "*" || fault.operation === operation),
    );
    if (entry === undefined) return undefined;
    entry.left -= 1;
    return entry.fault;
  }
}
