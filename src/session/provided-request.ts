import type { SourceProvided, Target } from "../target/target.ts";
import type { StsPlace } from "./signer.ts";

/** What is asked of whoever gives a source's credentials. */
export interface ProvidedRequest {
  readonly source: SourceProvided;
  /** Where STS is called from, through which proxy, trusting whom. */
  readonly place: StsPlace;
  /** What shapes the session where a token opens the target's own role; undefined where it opens a source's. */
  readonly shape: Pick<Target, "durationSeconds" | "roleSessionName" | "sessionPolicy" | "policyArns"> | undefined;
  /** A line on standard error. */
  note(text: string): void;
}
