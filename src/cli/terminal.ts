/** Questions to whoever sits at the terminal, and what a script hands over instead. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Ask, ReadLine } from './command.js';

/** On standard error: standard output is for what a script reads. */
export const ask: Ask = async (lines) => {
  if (!process.stdin.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const said = await terminal.question(`${lines.join('\n')}\nWrite "yes" to go on: `);
    return said.trim().toLowerCase() === 'yes';
  } finally {
    terminal.close();
  }
};

/** Waits for the end of standard input, so that a pipe is not cut short. */
export const readLine: ReadLine = () => readFileSync(0, 'utf8').split(/\r?\n/)[0] ?? '';
