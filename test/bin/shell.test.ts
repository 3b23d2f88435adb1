// biome-ignore-all lint/suspicious/noTemplateCurlyInString: text for shells, not for JavaScript
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Environment, findProgram, run, titled } from "./built-program.ts";
import { KEYS, PseudoTerminal } from "./pseudo-terminal.ts";
import { startWorld, type TestWorld } from "./test-world.ts";

// `shell` in real shells on real pseudo-terminals: the mark stands in the prompt, the user's own startup files are read and
// left alone, hostile names are shown and never run, nothing is left behind.

let world: TestWorld;
let folders = 0;

beforeAll(async () => {
  world = await startWorld();
  await world.login("dev");
  await world.login("staging");
});

afterAll(() => world.close());

interface Startup {
  readonly shell: string;
  /** What the user has there, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Beside SHELL and HOME; a `~` at the start is the home. */
  readonly env?: Environment;
}

const MINE = "PS1='mine> '; MINE=read";
const STARTUPS: readonly Startup[] = [
  { shell: "bash", files: { ".bashrc": MINE } },
  { shell: "zsh", files: { ".zshrc": MINE, ".zshenv": "ENVFILE=read" } },
  {
    shell: "fish",
    files: { ".config/fish/config.fish": "set MINE read; function fish_prompt; echo -n 'mine> '; end" },
  },
  { shell: "dash", files: { ".shrc": MINE }, env: { ENV: "~/.shrc" } },
  { shell: "ksh", files: { ".shrc": MINE }, env: { ENV: "$HOME/.shrc" } },
  { shell: "sh", files: { ".shrc": MINE }, env: { ENV: "~/.shrc" } },
];

/** An outer level that every shell would run, were it not made plain. */
const HOSTILE = "$(touch pwned)`touch pwned`\\$(touch pwned)';touch pwned;'\n;touch pwned;\\[%(?.%{$(touch pwned)%}.)!";

class Desk {
  readonly home: string;
  readonly cwd: string;
  readonly env: Environment;
  readonly #files: Readonly<Record<string, string>>;

  constructor({ shell, files, env = {} }: Startup) {
    folders += 1;
    const root = join(world.folder, `shell-${folders}`);
    this.home = join(root, "home");
    this.cwd = join(root, "cwd");
    this.#files = files;
    // Where it is not there, fish goes on filling it in the background.
    for (const folder of [this.home, this.cwd, join(root, "tmp"), join(root, "fish", "fish", "generated_completions")])
      mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(this.home, name, ".."), { recursive: true });
      writeFileSync(join(this.home, name), `${text}\n`);
    }
    const own = Object.entries(env).map(([name, value]) => [name, value.replace(/^~/, this.home)] as const);
    this.env = {
      ...world.env,
      HOME: this.home,
      XDG_CONFIG_HOME: join(this.home, ".config"),
      XDG_DATA_HOME: join(root, "fish"),
      TMPDIR: join(root, "tmp"),
      SHELL: findProgram(shell) ?? shell,
      ...Object.fromEntries(own),
    };
  }

  open(onTestFinished: (tidy: () => void) => void, more: Environment = {}, script?: string): PseudoTerminal {
    const terminal = new PseudoTerminal(script ?? 'assume-mfa dev shell; echo "<left with $?>"', {
      env: { ...this.env, ...more },
      cwd: this.cwd,
    });
    onTestFinished(() => terminal.close());
    return terminal;
  }

  /** What is there that was not, or is not as it was. */
  changed(): readonly string[] {
    const changed = Object.entries(this.#files).filter(
      ([name, text]) => readFileSync(join(this.home, name), "utf8") !== `${text}\n`,
    );
    return [
      ...changed.map(([name]) => name),
      ...readdirSync(this.env.TMPDIR ?? "").filter((name) => name.startsWith("assume-mfa")),
      ...readdirSync(this.cwd),
    ];
  }
}

for (const startup of STARTUPS) {
  const path = findProgram(startup.shell);
  describe.skipIf(path === undefined)(titled(startup.shell, [startup.shell, path]), () => {
    it("shows the target in the user's own prompt, and ends with its status", async ({ onTestFinished }) => {
      const desk = new Desk(startup);
      const terminal = desk.open(onTestFinished);
      await terminal.waitFor(
        /assume-mfa: dev: account 222222222222, role PrivilegedActionsRole, \d+ min left; exit leaves it/,
      );
      await terminal.waitFor(/\[dev\] mine> /);
      terminal.type(`echo "<$MINE $AMFA_SHELL $AWS_REGION>"${KEYS.enter}`);
      await terminal.waitFor(/<read dev us-east-1>/);
      await terminal.waitFor(/\[dev\] mine> /);
      terminal.type(`exit 5${KEYS.enter}`);
      await terminal.waitFor(/<left with 5>/);
      expect(desk.changed()).toEqual([]);
      expect(terminal.output).not.toMatch(/__assume_mfa|not found|rror/);
    });

    it("shows every level when one stands in another, and runs no name", async ({ onTestFinished }) => {
      const desk = new Desk(startup);
      const terminal = desk.open(onTestFinished, { AMFA_SHELL: HOSTILE });
      await terminal.waitFor(/\[__touch_pwned__touch_pwned_+\S*\.\.\. > dev\] mine> /);
      terminal.type(`assume-mfa staging shell${KEYS.enter}`);
      await terminal.waitFor(/\.\.\. > dev > staging\] mine> /);
      terminal.type(`echo again${KEYS.enter}`);
      await terminal.waitFor(/[\r\n]again\r/);
      await terminal.waitFor(/\.\.\. > dev > staging\] mine> /);
      terminal.type(`exit 3${KEYS.enter}`);
      await terminal.waitFor(/\.\.\. > dev\] mine> /);
      terminal.type(`exit 4${KEYS.enter}`);
      await terminal.waitFor(/<left with 4>/);
      expect(desk.changed()).toEqual([]);
    });

    it("works with nothing of the user's, and without a terminal", async ({ onTestFinished }) => {
      const bare = new Desk({ shell: startup.shell, files: {} });
      const terminal = bare.open(onTestFinished);
      await terminal.waitFor(/\[dev\] \S/);
      terminal.type(`exit${KEYS.enter}`);
      await terminal.waitFor(/<left with 0>/);
      expect(bare.changed()).toEqual([]);
      const desk = new Desk(startup);
      const piped = await run(["sh", "-c", `echo 'echo "$AMFA_SHELL"; exit 6' | assume-mfa dev shell`], {
        env: desk.env,
        cwd: desk.cwd,
      });
      expect(piped).toMatchObject({ status: 6, stdout: "dev\n" });
      expect(desk.changed()).toEqual([]);
    });
  });
}

describe("bash", () => {
  it.each([
    ["that is set anew each time", "PROMPT_COMMAND='PS1=\"mine> \";'", "\\[dev\\] mine> "],
    ["of several commands", "PROMPT_COMMAND=('PS1=one' 'PS1=\"two> \"')", "\\[dev\\] two> "],
    ["that shows the last status", "PROMPT_COMMAND='PS1=\"$?> \"'", "\\[dev\\] 0> "],
    ["under set -u", "set -u; PS1='mine> '", "\\[dev\\] mine> "],
    ["that was exported", "export PS1='mine> ' PROMPT_COMMAND='true'", "\\[dev\\] mine> "],
  ])("marks a prompt %s", async (_, bashrc, prompt) => {
    const desk = new Desk({ shell: "bash", files: { ".bashrc": bashrc } });
    const terminal = desk.open(() => undefined);
    try {
      await terminal.waitFor(new RegExp(prompt));
      terminal.type(`false${KEYS.enter}`);
      await terminal.waitFor(new RegExp(prompt.replace("0>", "1>")));
      // A bash that knows nothing of us, with the environment of ours.
      terminal.type(`bash --norc -c 'eval "\${PROMPT_COMMAND-}"' && echo fine${KEYS.enter}`);
      await terminal.waitFor(/[\r\n]fine\r/);
      terminal.type(`exit 0${KEYS.enter}`);
      await terminal.waitFor(/<left with 0>/);
      expect(terminal.output).not.toMatch(/not found|syntax/);
    } finally {
      terminal.close();
    }
  });

  it("that is suspended gives the terminal back, and goes on when it is called again", async ({ onTestFinished }) => {
    const desk = new Desk({ shell: "bash", files: { ".bashrc": MINE } });
    const terminal = desk.open(
      onTestFinished,
      {},
      `set -m; assume-mfa dev shell; echo "<stopped $?>"; fg; echo "<left with $?>"`,
    );
    await terminal.waitFor(/\[dev\] mine> /);
    terminal.type(`suspend${KEYS.enter}`);
    await terminal.waitFor(/<stopped 148>/);
    await terminal.waitFor(/\[dev\] mine> /);
    // Ctrl-C is the shell's own, and ends nothing of ours.
    // Right behind a prompt, readline may leave out the next one.
    await new Promise((resolve) => setTimeout(resolve, 300));
    terminal.type(KEYS.interrupt);
    await terminal.waitFor(/\[dev\] mine> /);
    terminal.type(`exit 8${KEYS.enter}`);
    await terminal.waitFor(/<left with 8>/);
  });
});

describe("zsh", () => {
  const path = findProgram("zsh");
  it.skipIf(path === undefined).each([
    ["in the environment", { ".z/.zshrc": `${MINE}; SEEN=$ZDOTDIR` }, { ZDOTDIR: "~/.z" }],
    ["set by .zshenv", { ".zshenv": "ZDOTDIR=$HOME/.z", ".z/.zshrc": `${MINE}; SEEN=$ZDOTDIR` }, {}],
  ])(titled("finds the startup files by a ZDOTDIR %s", ["zsh", path]), async (_, files, env) => {
    const desk = new Desk({ shell: "zsh", files: files as Startup["files"], env: env as Environment });
    const terminal = desk.open(() => undefined);
    try {
      await terminal.waitFor(/\[dev\] mine> /);
      terminal.type(`echo "<\${SEEN#$HOME/} \${ZDOTDIR#$HOME/} $HISTFILE>"${KEYS.enter}`);
      await terminal.waitFor(/<\.z \.z (?!\S*assume-mfa-\w{6}\/)\S*>/);
      terminal.type(`exit 0${KEYS.enter}`);
      await terminal.waitFor(/<left with 0>/);
      expect(desk.changed()).toEqual([]);
    } finally {
      terminal.close();
    }
  });
});

describe("a profile with a hostile name", () => {
  it("is shown in every prompt, and run in none", async ({ onTestFinished }) => {
    const name = "$(touch$IFS./pwned)`>pwned`%{$(>pwned)%}%(!.a.b)";
    world.addProfiles(
      `[profile ${name}]\nrole_arn = arn:aws:iam::222222222222:role/PrivilegedActionsRole\nsource_profile = parent\nregion = us-east-1\n`,
    );
    for (const startup of STARTUPS.filter(({ shell }) => findProgram(shell) !== undefined)) {
      const desk = new Desk(startup);
      const script = `assume-mfa --target "$NAME" shell --no-cache -t "$CODE"; echo "<left with $?>"`;
      const terminal = desk.open(onTestFinished, { NAME: name, CODE: world.freshCode() }, script);
      await terminal.waitFor(/\[__touch_IFS\.\/pwned___pwned_+\S*\] mine> /);
      terminal.type(`exit 2${KEYS.enter}`);
      await terminal.waitFor(/<left with 2>/);
      expect({ shell: startup.shell, changed: desk.changed() }).toEqual({ shell: startup.shell, changed: [] });
    }
  });
});
