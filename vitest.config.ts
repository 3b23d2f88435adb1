import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that mostly wait (for time limits that they prove) begin first, so that nobody waits for them at the end. */
const WAITING_FILES = /(?:actions\/silence|session\/find-device-silence|bin\/streams|aws\/tunnel-agent)\.test\.ts$/;

class WaitingFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isWaiting = ({ moduleId }: TestSpecification) => WAITING_FILES.test(moduleId);
    return [...sorted.filter(isWaiting), ...sorted.filter((file) => !isWaiting(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/property-seed.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // The tests start real servers, shells and pseudo-terminals: each file in a process of its own.
    pool: "forks",
    // Twice as many as cores: files wait as much as they work (time limits, state changes, other programs).
    maxWorkers: 4,
    sequence: { sequencer: WaitingFilesFirst },
    // What the command line sets for itself (host/node-host.ts), for tests that use the SDK without it.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
    coverage: { provider: "v8", include: ["src/**"] },
  },
});
