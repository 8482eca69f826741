/** JavaScript of the documentation as a program or a module: as it stands there, on its own. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isOpen } from './port.js';
import { cleanEnvironment } from './server.js';

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Writes a snippet where it finds the packages and the other snippets that it imports. */
async function placed(
  snippet: string,
  others: Readonly<Record<string, string>> = {},
): Promise<{ file: string; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-snippet-'));
  const file = join(directory, 'snippet.mjs');
  await writeFile(file, snippet);
  for (const [name, text] of Object.entries(others)) await writeFile(join(directory, name), text);
  await symlink(modules, join(directory, 'node_modules'));
  return { file, directory };
}

/** Loads a snippet that exports something; it reads `process.env` while it loads. */
export async function moduleOf<T>(
  snippet: string,
  env: Readonly<Record<string, string>>,
): Promise<T> {
  const { file, directory } = await placed(snippet);
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as T;
  } finally {
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Runs a snippet that listens on `PORT`; ready when it does. Throws what it complained of.
 *
 * @param others what lies beside it, by file name
 */
export async function programOfSnippet(
  snippet: string,
  env: Readonly<Record<string, string>> & { readonly PORT: string },
  others: Readonly<Record<string, string>> = {},
): Promise<{ stop(): Promise<void> }> {
  const { file, directory } = await placed(snippet, others);
  const child = spawn(process.execPath, [file], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  while (!(await isOpen(Number(env.PORT)))) {
    if (child.exitCode !== null) throw new Error(`the snippet ended:\n${complaints}`);
    await sleep(30);
  }
  return {
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
