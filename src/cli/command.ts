/** What a command is, and how its arguments are read. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { CliCore } from './core.js';

export type Outcome =
  | {
      readonly kind: 'done';
      readonly lines: readonly string[];
      readonly data: unknown;
      /** For a command whose answer is a verdict; 0 otherwise. */
      readonly exitCode?: number;
    }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Puts a question to whoever sits at the terminal: true only for a written-out "yes".
 * `undefined`: nobody sits there.
 */
export type Ask = (lines: readonly string[]) => Promise<boolean | undefined>;

/** The first line of what was handed to the command on standard input. */
export type ReadLine = () => string;

export type Command = {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly { readonly flag: string; readonly meaning: string }[];
  /** Reads the arguments (throws `UsageError`) before anything is opened. */
  prepare(
    args: readonly string[],
    readLine: ReadLine,
  ): (core: CliCore, ask: Ask) => Promise<Outcome>;
};

/** Who does what a command does, in the audit log. */
export const operator = { kind: 'operator' } as const;

/** Taken by every command (`readArguments`), shown by those whose answer is worth reading so. */
export const jsonOption = { flag: '--json', meaning: 'Machine-readable output' } as const;

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {}

/** Strict parsing: an unknown option is an error, not ignored. */
export function readArguments<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
  positionals: { readonly min: number; readonly max: number; readonly what: string },
) {
  try {
    const parsed = parseArgs({
      args: [...args],
      options: { ...options, json: { type: 'boolean' as const } },
      allowPositionals: true,
      strict: true,
    });
    const count = parsed.positionals.length;
    if (count < positionals.min || count > positionals.max) {
      throw new UsageError(`Name ${positionals.what}`);
    }
    return parsed;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // The parser explains at length what an operator sees at once.
    const [said = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new UsageError(said);
  }
}

export function failed(message: string): Outcome {
  return { kind: 'failed', message };
}

export function done(data: unknown, ...lines: string[]): Extract<Outcome, { kind: 'done' }> {
  return { kind: 'done', data, lines };
}

/** Columns of even width, for people. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** `value` as one of the `known` words; a usage error that names them otherwise. */
export function oneOf<const T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (!found) throw new UsageError(`${flag} must be one of ${known.join(', ')}, not "${value}"`);
  return found;
}
