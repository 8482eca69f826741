/**
 * The command line. One table of commands; each parses its own arguments, calls one flow or one
 * read, and presents the outcome for people or, with `--json`, for scripts.
 */
import { claimCommands } from './claims.js';
import { brandCommand } from './client-brand.js';
import { deleteCommand } from './client-delete.js';
import { grantCommand } from './client-grant.js';
import { switchCommands } from './client-switches.js';
import { clientCommands } from './clients.js';
import { type Ask, type Command, type ReadLine, UsageError } from './command.js';
import type { CliCore } from './core.js';
import { keyCommands } from './keys.js';
import { postureCommand } from './posture.js';
import { registrationTokenCommands } from './registration-tokens.js';
import { resourceServerCommands } from './resource-servers.js';
import { userCommands } from './users.js';

export type CliParts = {
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
  /** Runs the server until it is told to stop. */
  readonly start: () => Promise<number>;
  readonly migrate: () => Promise<readonly string[]>;
  readonly ask: Ask;
  readonly readLine: ReadLine;
  readonly withCore: <T>(work: (core: CliCore) => Promise<T>) => Promise<T>;
};

const commands: readonly Command[] = [
  ...userCommands,
  ...clientCommands,
  brandCommand,
  ...switchCommands,
  grantCommand,
  deleteCommand,
  ...registrationTokenCommands,
  ...resourceServerCommands,
  ...claimCommands,
  ...keyCommands,
  postureCommand,
];

const USAGE = `Latchkey, an OAuth 2.0 and OpenID Connect authorization server for headless commerce

Usage: latchkey <command> [options]

  start                        Run the server (the default)
  migrate                      Bring the database schema up to date
${commands.map((command) => `  ${command.name.padEnd(28)} ${command.summary}`).join('\n')}

  --help                       This text, or a command's own
  --json                       Machine-readable output, where a command has output

Exit codes: 0 done, 1 failed, 2 the command was not understood.
Settings come from the environment: see docs/configuration.md.`;

/** Runs one command line; returns the exit code. */
export async function runCommand(argv: readonly string[], parts: CliParts): Promise<number> {
  const [first = 'start', second] = argv;
  const wantsHelp = argv.includes('--help') || argv.includes('-h');
  if (first === 'help' || (wantsHelp && (first.startsWith('-') || argv.length === 1))) {
    parts.say(USAGE);
    return 0;
  }
  const known = commands.filter((command) => command.name.startsWith(`${first} `));
  const alone = commands.find((candidate) => candidate.name === first);
  const command = alone ?? known.find((candidate) => candidate.name === `${first} ${second}`);

  if (wantsHelp) {
    if (command) parts.say(helpOf(command));
    else if (known.length > 0) parts.say(known.map(helpOf).join('\n\n'));
    else parts.say(USAGE);
    return 0;
  }
  if (first === 'start' || first === 'migrate') {
    if (argv.length > 1) return misunderstood(parts, `"${first}" takes no arguments`);
    if (first === 'start') return parts.start();
    const applied = await parts.migrate();
    parts.say(
      applied.length > 0 ? `Applied ${applied.join(', ')}` : 'The schema is up to date already',
    );
    return 0;
  }
  if (!command) {
    const hint = known.length > 0 ? `: try ${known.map(({ name }) => name).join(', ')}` : '';
    return misunderstood(parts, `There is no command "${argv.slice(0, 2).join(' ')}"${hint}`);
  }

  try {
    const prepared = command.prepare(argv.slice(alone ? 1 : 2), parts.readLine);
    const outcome = await parts.withCore((core) => prepared(core, parts.ask));
    if (outcome.kind === 'failed') {
      parts.complain(outcome.message);
      return 1;
    }
    if (argv.includes('--json')) parts.say(JSON.stringify(outcome.data, null, 2));
    else for (const line of outcome.lines) parts.say(line);
    return outcome.exitCode ?? 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return misunderstood(parts, `${error.message}; see latchkey ${command.name} --help`);
  }
}

function misunderstood(parts: CliParts, message: string): number {
  parts.complain(message);
  return 2;
}

function helpOf(command: Command): string {
  const options = command.options.map(({ flag, meaning }) => `  ${flag.padEnd(30)} ${meaning}`);
  return [
    `Usage: latchkey ${command.name} ${command.usage}`,
    '',
    command.summary,
    '',
    ...options,
  ].join('\n');
}
