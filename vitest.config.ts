import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // The tests start real servers, shells and pseudo-terminals: each file in a process of its own.
    pool: "forks",
    // Twice as many as cores: files wait as much as they work (time limits, state changes, other programs).
    maxWorkers: 4,
    // What the command line sets for itself (host/node-host.ts), for tests that use the SDK without it.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
    coverage: { provider: "v8", include: ["src/**"] },
  },
});
