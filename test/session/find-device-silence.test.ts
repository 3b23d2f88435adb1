import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, it } from "vitest";
import { DEV, openCliWorld } from "../support/cli-world.ts";

const world = await openCliWorld();
const server = createServer((request, response) => {
  // Whether it is a sandbox is asked first.
  if (request.url === "/_assume-mfa/sandbox") response.writeHead(404).end();
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

// Sits out a real time limit (ACCEPTANCE.md M6).
it("gives up an IAM that never answers within 22 s: what is asked is said, and no code is sent", async () => {
  const env = {
    ...world.configFile(
      `[profile parent]\nregion = us-east-1\n[profile dev]\nrole_arn = arn:aws:iam::${DEV}:role/PrivilegedActionsRole\nsource_profile = parent\nregion = us-east-1\n`,
    ),
    AWS_ENDPOINT_URL_IAM: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ASSUME_MFA_SANDBOX: undefined,
  };
  const startedAt = performance.now();
  const run = await world.run(["dev", "whoami", "-t", world.code()], { env });
  expect(performance.now() - startedAt).toBeLessThan(22_000);
  expect(run).toMatchObject({ exitCode: 1, stdout: "", operations: [] });
  expect(run.said).toMatch(/^assume-mfa: asking IAM at .* for the MFA device…\n/);
  expect(run.said).toMatch(/error: IAM at .* can't be reached: no answer within the time limit\n/);
  expect(run.said).toMatch(/hint: without IAM: add mfa_serial = /);
}, 40_000);
