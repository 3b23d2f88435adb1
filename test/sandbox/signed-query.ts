import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Keys } from "./sandbox-harness.ts";

/** node's own hash behind the interface that the SDK's signer takes. */
export class NodeSha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", toBuffer(secret));
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(toBuffer(data));
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {}
}

function toBuffer(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

export interface QueryAnswer {
  readonly status: number;
  readonly body: string;
  /** Of a refused call. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** The text of the first element of this name, unescaped. */
  text(element: string): string | undefined;
  /** The texts of all elements of this name. */
  texts(element: string): string[];
}

const VERSIONS = { iam: "2010-05-08", sts: "2011-06-15", ec2: "2016-11-15" } as const;

export interface SignedForm {
  readonly credentials: Keys;
  /** As sent; a field may stand in it twice. */
  readonly body: string;
  /** Of the signature's scope. */
  readonly service: string;
  readonly region?: string;
  /** Sent after signing: not covered by the signature. */
  readonly unsignedHeaders?: Readonly<Record<string, string>>;
}

/** A form signed by the SDK's signer and sent over HTTP. */
export async function sendForm(endpoint: string, form: SignedForm): Promise<QueryAnswer> {
  const url = new URL(endpoint);
  const { service, credentials, body, region = "us-east-1" } = form;
  const signer = new SignatureV4({ service, region, credentials, sha256: NodeSha256 });
  const request = await signer.sign({
    method: "POST",
    protocol: "http:",
    hostname: url.hostname,
    path: "/",
    headers: { host: url.host, "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    body,
  });
  const { host: _host, ...headers } = request.headers;
  return readAnswer(await fetch(endpoint, { method: "POST", headers: { ...headers, ...form.unsignedHeaders }, body }));
}

/** A query-protocol call, for services whose SDK client is not installed. */
export function sendQuery(
  endpoint: string,
  service: keyof typeof VERSIONS,
  credentials: Keys,
  parameters: Readonly<Record<string, string>>,
): Promise<QueryAnswer> {
  const body = new URLSearchParams({ Version: VERSIONS[service], ...parameters }).toString();
  return sendForm(endpoint, { service, credentials, body });
}

/** A presigned URL of a query-protocol call. */
export async function presignQuery(
  endpoint: string,
  service: keyof typeof VERSIONS,
  credentials: Keys,
  parameters: Readonly<Record<string, string>>,
  expiresIn: number,
): Promise<string> {
  const url = new URL(endpoint);
  const signer = new SignatureV4({ service, region: "us-east-1", credentials, sha256: NodeSha256 });
  const { query } = await signer.presign(
    {
      method: "GET",
      protocol: "http:",
      hostname: url.hostname,
      path: "/",
      query: { Version: VERSIONS[service], ...parameters },
      headers: { host: url.host },
    },
    { expiresIn },
  );
  const pairs = Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]);
  return `${endpoint}/?${new URLSearchParams(pairs as [string, string][]).toString()}`;
}

export async function readAnswer(response: Response): Promise<QueryAnswer> {
  const text = await response.text();
  const texts = (element: string) =>
    [...text.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, content]) =>
      unescapeXml(content ?? ""),
    );
  return {
    status: response.status,
    body: text,
    code: texts("Code")[0],
    message: texts("Message")[0],
    text: (element) => texts(element)[0],
    texts,
  };
}

function unescapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(#\d+|\w+);/g, (all, name: string) =>
    name.startsWith("#") ? String.fromCodePoint(Number(name.slice(1))) : (entities[name] ?? all),
  );
}
