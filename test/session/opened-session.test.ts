import { expect, it } from "vitest";
import { endpointName } from "../../src/session/opened-session.ts";

it.each([
  ["http://127.0.0.1:4566", "http://127.0.0.1:4566"],
  ["https://alice:hunter2@proxy.example:8443/path?token=x#y", "https://proxy.example:8443"],
  ["no address", "another address"],
  [undefined, undefined],
])("an endpoint is kept without what a URL can carry beside the address: %s", (url, kept) => {
  expect(endpointName(url)).toBe(kept);
});
