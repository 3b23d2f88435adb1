import { styleText } from "node:util";
import type { Environment } from "../host/host.ts";

type Paint = (text: string) => string;

/** Colours and weights; every function returns its text unchanged when colour is off. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

/**
 * @param enabled decided by {@link isColourWanted} for the stream that the text goes to
 * @returns functions that take text already made visible (`text/visible-text.ts`)
 */
export function makeStyle(enabled: boolean): Style {
  // styleText's own look at NO_COLOR and the stream differs between Node 20, 22 and 24, and knows one stream only.
  const paint = (format: keyof Style): Paint =>
    enabled ? (text) => styleText(format, text, { validateStream: false }) : (text) => text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    red: paint("red"),
    green: paint("green"),
    yellow: paint("yellow"),
    cyan: paint("cyan"),
  };
}

export interface ColourQuestion {
  /** Of the stream that the text goes to. */
  readonly isTerminal: boolean;
  readonly env: Environment;
  /** `--no-color` was given. */
  readonly noColorOption: boolean;
}

/**
 * First that answers: `--no-color`; a NO_COLOR that is not empty (no-color.org); FORCE_COLOR, where `0` and `false`
 * mean no and all else yes, as Node reads it; TERM=dumb; whether it is a terminal.
 * Where NO_COLOR and FORCE_COLOR disagree, no colour wins: plain text can be read anywhere.
 */
export function isColourWanted({ isTerminal, env, noColorOption }: ColourQuestion): boolean {
  if (noColorOption) return false;
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== "") return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== "0" && env.FORCE_COLOR !== "false";
  if (env.TERM === "dumb") return false;
  return isTerminal;
}
