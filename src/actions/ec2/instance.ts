/** One EC2 instance: the documented `-o json` result of `instances` is a list of these. Text from AWS is raw. */
export interface Instance {
  readonly id: string;
  /** The Name tag; null where there is none. */
  readonly name: string | null;
  /** `pending`, `running`, `shutting-down`, `terminated`, `stopping`, `stopped`. */
  readonly state: string;
  readonly type: string | null;
  readonly region: string;
  /** The Availability Zone. */
  readonly zone: string | null;
  /** ISO 8601, UTC. */
  readonly launchedAt: string | null;
  readonly privateIp: string | null;
  readonly publicIp: string | null;
}
