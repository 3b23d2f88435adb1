import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // The tests start real servers, shells and pseudo-terminals: each file in a process of its own.
    pool: "forks",
    coverage: { provider: "v8", include: ["src/**"] },
  },
});
