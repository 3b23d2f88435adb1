import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { defineConfig, type Plugin } from "rolldown";

/**
 * The licences of everything that is bundled, beside it (Apache-2.0, 4; MIT). A package without a licence text, or with
 * a licence that is not on the list, ends the build.
 */
function thirdPartyNotices(): Plugin {
  const allowed = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD"]);
  return {
    name: "third-party-notices",
    generateBundle(_options, bundle) {
      const folders = new Set<string>();
      for (const output of Object.values(bundle)) {
        if (output.type !== "chunk") continue;
        for (const id of output.moduleIds) {
          const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ""))?.[0];
          if (folder !== undefined) folders.add(folder);
        }
      }
      const notices = [...folders].map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
        if (!allowed.has(license)) throw new Error(`${name} has the licence ${license}, which is not on the list`);
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        const text = file === undefined ? `Licence: ${license}` : readFileSync(path.join(folder, file), "utf8").trim();
        return { head: `${name} ${version} (${license})`, text };
      });
      notices.sort((a, b) => (a.head < b.head ? -1 : 1));
      // Many packages come with the same text: it stands once, below all of their names.
      const byText = groupByText(notices);
      const source = [...byText]
        .map(([text, members]) => `${members.map(({ head }) => head).join("\n")}\n\n${text}\n`)
        .join(`\n${"-".repeat(80)}\n\n`);
      this.emitFile({ type: "asset", fileName: "THIRD_PARTY_NOTICES.txt", source });
    },
  };
}

function groupByText<Notice extends { readonly text: string }>(notices: readonly Notice[]): Map<string, Notice[]> {
  const groups = new Map<string, Notice[]>();
  for (const notice of notices) groups.set(notice.text, [...(groups.get(notice.text) ?? []), notice]);
  return groups;
}

if (existsSync("dist")) rmSync("dist", { recursive: true });

export default defineConfig({
  input: { start: "src/start.ts" },
  platform: "node",
  // The AWS SDK's ES modules can be shaken; its CommonJS is one file a service, of which everything stays.
  resolve: { mainFields: ["module", "main"] },
  plugins: [thirdPartyNotices()],
  output: {
    dir: "dist",
    format: "cjs",
    minify: true,
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
  },
});
