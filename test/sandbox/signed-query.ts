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

/** A query-protocol call signed by the SDK's signer and sent over HTTP, for services whose SDK client is not installed. */
export async function sendQuery(
  endpoint: string,
  service: "iam" | "sts" | "ec2",
  credentials: Keys,
  parameters: Readonly<Record<string, string>>,
  versions: Readonly<Record<string, string>> = { iam: "2010-05-08", sts: "2011-06-15", ec2: "2016-11-15" },
): Promise<QueryAnswer> {
  const url = new URL(endpoint);
  const body = new URLSearchParams({ Version: versions[service] ?? "", ...parameters }).toString();
  const signer = new SignatureV4({ service, region: "us-east-1", credentials, sha256: NodeSha256 });
  const request = await signer.sign({
    method: "POST",
    protocol: "http:",
    hostname: url.hostname,
    path: "/",
    headers: { host: url.host, "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    body,
  });
  const { host: _host, ...headers } = request.headers;
  const response = await fetch(endpoint, { method: "POST", headers, body });
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
