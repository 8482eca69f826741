/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import type { Ask } from './command.js';

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
