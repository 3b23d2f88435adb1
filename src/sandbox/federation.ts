import { timingSafeEqual } from "node:crypto";
import type { CallLog } from "./call-log.ts";
import { makeRequestId } from "./identifiers.ts";
import { parseForm, type QueryParameters } from "./query-protocol.ts";
import { openSealedText, sealText } from "./sealed-text.ts";
import type { WireRequest, WireResponse } from "./wire.ts";
import type { Session, World } from "./world.ts";

/**
 * The federation endpoint of the AWS Console (IAM User Guide, "Enable custom identity broker access to the AWS
 * console"): getSigninToken trades a role session for a sign-in token, login goes on to the console with it.
 */
export const FEDERATION_PATH = "/federation";

const TOKEN_PURPOSE = "signin-token";
/** A sign-in token is good for fifteen minutes. */
const TOKEN_LIFE_MS = 15 * 60_000;
const MIN_SESSION_SECONDS = 900;
const MAX_SESSION_SECONDS = 43_200;
/** Where login may lead: the consoles of the three partitions. */
const CONSOLE_HOST = /^(?:[a-z0-9-]+\.)*(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)$/;

/** What the federation endpoint answers from. */
export interface FederationInput {
  readonly world: World;
  readonly log: CallLog;
  /** The world's time, milliseconds since 1970. */
  readonly nowMs: number;
}

/** What is refused is told in a word or two, with 400: AWS says little more. */
export function answerFederation(request: WireRequest, input: FederationInput): WireResponse {
  let parameters: QueryParameters = new Map();
  let response: WireResponse;
  try {
    parameters = readParameters(request);
    response = answerAction(parameters, input);
  } catch {
    response = refuse("Malformed request");
  }
  input.log.add(
    {
      atMs: input.nowMs,
      service: "signin",
      operation: parameters.get("Action"),
      accessKeyId: undefined,
      region: undefined,
      parameters: Object.fromEntries(parameters),
      status: response.status,
      errorCode: response.status < 400 ? undefined : "BadRequest",
      fault: undefined,
      requestId: makeRequestId(),
    },
    request.body.length + request.query.length,
  );
  return response;
}

function readParameters(request: WireRequest): QueryParameters {
  const parameters = parseForm(request.query);
  for (const [name, value] of parseForm(request.body.toString("utf8"))) parameters.set(name, value);
  return parameters;
}

function answerAction(parameters: QueryParameters, input: FederationInput): WireResponse {
  const action = parameters.get("Action");
  if (action === "getSigninToken") return getSigninToken(parameters, input);
  if (action === "login") return login(parameters, input);
  return refuse("Unknown Action");
}

function getSigninToken(parameters: QueryParameters, { world, nowMs }: FederationInput): WireResponse {
  const session = findSession(parameters.get("Session") ?? "", world, nowMs);
  if (session === undefined) return refuse("Invalid Session");
  // GetSessionToken's credentials can't be federated, only AssumeRole's and GetFederationToken's.
  if (session.owner.kind !== "role") return refuse("The session is not of a role");
  const duration = parameters.get("SessionDuration");
  if (duration !== undefined) {
    const seconds = Number(duration);
    if (!Number.isInteger(seconds) || seconds < MIN_SESSION_SECONDS || seconds > MAX_SESSION_SECONDS) {
      return refuse("Invalid SessionDuration");
    }
    // AWS.md, MFA rules: leave the duration out for a role that was assumed from temporary credentials.
    if (session.isChained) return refuse("SessionDuration is not allowed for a chained role");
  }
  const token = sealText(world, TOKEN_PURPOSE, JSON.stringify([session.accessKeyId, nowMs]));
  return json({ SigninToken: token });
}

function login(parameters: QueryParameters, { world, nowMs }: FederationInput): WireResponse {
  const opened = openSealedText(world, TOKEN_PURPOSE, parameters.get("SigninToken") ?? "");
  if (opened === undefined) return refuse("Invalid SigninToken");
  const [accessKeyId, issuedAtMs] = JSON.parse(opened) as [string, number];
  const session = world.sessions.get(accessKeyId);
  const isLive = session !== undefined && nowMs < session.expiresAtMs && nowMs < issuedAtMs + TOKEN_LIFE_MS;
  if (!isLive) return refuse("The SigninToken has expired");
  const destination = new URL(parameters.get("Destination") ?? "");
  if (destination.protocol !== "https:" || !CONSOLE_HOST.test(destination.hostname))
    return refuse("Invalid Destination");
  return { status: 302, headers: { Location: destination.href, "Content-Type": "text/plain" }, body: "" };
}

/** `Session` is a JSON object of three texts. @returns undefined when they are not those of a live session */
function findSession(text: string, world: World, nowMs: number): Session | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) return undefined;
  const { sessionId, sessionKey, sessionToken } = value as Record<string, unknown>;
  const session = typeof sessionId === "string" ? world.sessions.get(sessionId) : undefined;
  if (session === undefined || nowMs >= session.expiresAtMs) return undefined;
  const isRight = isSameText(sessionKey, session.secretAccessKey) && isSameText(sessionToken, session.sessionToken);
  return isRight ? session : undefined;
}

function isSameText(given: unknown, expected: string): boolean {
  const bytes = Buffer.from(typeof given === "string" ? given : "");
  const expectedBytes = Buffer.from(expected);
  return bytes.length === expectedBytes.length && timingSafeEqual(bytes, expectedBytes);
}

function json(content: object): WireResponse {
  return { status: 200, headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) };
}

function refuse(reason: string): WireResponse {
  return { status: 400, headers: { "Content-Type": "text/plain" }, body: `400 Bad Request: ${reason}\n` };
}
