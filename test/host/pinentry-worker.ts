// A process of pinentry.test.ts: asks, and exits while it asks, without closing anything.
import { existsSync } from "node:fs";
import { makePinentry } from "../../src/host/pinentry.ts";

const [askedFile = ""] = process.argv.slice(2);
void makePinentry(process.env, process.platform, new AbortController()).open()?.askLine("sure? ");
setInterval(() => {
  if (existsSync(askedFile)) process.exit(7);
}, 5);
