// How the services near an instance or a container are asked. Edge file: node:http, node:https. Rules: nothing is taken
// from the process's environment, since several targets with services of their own are asked at once; no proxy (they are
// on this link, and a proxy would get the keys) and no redirect is followed; an answer is complete within its time and no
// longer than MAX_METADATA_BYTES, else its connection is cut; TLS certificates are verified whatever
// NODE_TLS_REJECT_UNAUTHORIZED says. What is thrown holds nothing of an answer.
import http from "node:http";
import https from "node:https";

/** Many times the longest answer: credentials are two or three thousand bytes. */
export const MAX_METADATA_BYTES = 64 * 1024;

export interface MetadataRequest {
  readonly method: "GET" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** In milliseconds, until the answer is complete. */
  readonly timeLimitMs: number;
}

export interface MetadataAnswer {
  readonly status: number;
  /** As it was sent, whatever the status. */
  readonly text: string;
}

/** There was no whole answer. The message completes `no credentials came from …: `. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
}

/**
 * Sends one request on a connection of its own.
 * @throws MetadataError
 */
export function askMetadata({ method, url, headers, timeLimitMs }: MetadataRequest): Promise<MetadataAnswer> {
  const isTls = url.protocol === "https:";
  // An agent of its own: Node's can be told by the environment to use a proxy.
  const agent = isTls ? new https.Agent({ rejectUnauthorized: true }) : new http.Agent();
  const options = {
    method,
    agent,
    // A URL writes an IPv6 address in brackets, a connection takes it without.
    hostname: url.hostname.replace(/^\[(.+)\]$/, "$1"),
    port: url.port,
    path: url.pathname + url.search,
    headers: { ...headers, host: url.host },
  };
  const request = isTls ? https.request(options) : http.request(options);
  let timer: NodeJS.Timeout | undefined;
  const answer = new Promise<MetadataAnswer>((resolve, reject) => {
    const end = (why: string) => {
      reject(new MetadataError(why));
      request.destroy();
    };
    timer = setTimeout(() => end(`no whole answer within ${timeLimitMs / 1000} s`), timeLimitMs);
    request.on("error", () => end("the connection failed"));
    request.on("close", () => end("the connection was cut"));
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_METADATA_BYTES) end(`the answer is longer than ${MAX_METADATA_BYTES / 1024} KiB`);
        else chunks.push(chunk);
      });
      response.on("error", () => end("the connection was cut"));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    request.end();
  });
  return answer.finally(() => {
    clearTimeout(timer);
    agent.destroy();
  });
}
