/** Latchkey as processes: started by hand, watched, and ended in all the ways there are. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, SHORT_LIVED } from './server.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const entry = join(root, 'dist/main.js');

export type Started = {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  /** The lines of standard error. */
  complaints(): string[];
  /** Resolves when it says that it is ready; rejects with its output when it ends before. */
  readonly ready: Promise<void>;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

/** Starts a program of ours; `node dist/main.js start` unless told otherwise. */
export function launch(
  env: Readonly<Record<string, string>>,
  how: { command?: string; args?: readonly string[]; detached?: boolean } = {},
): Started {
  const child = spawn(
    how.command ?? process.execPath,
    [...(how.args ?? [...SHORT_LIVED, entry, 'start'])],
    {
      env: { ...cleanEnvironment(), ...env },
      cwd: root,
      detached: how.detached ?? false,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('Latchkey is ready')) resolve();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('close', (code) => reject(new Error(`ended with ${code}:\n${stdout}\n${stderr}`)));
  });
  // Whoever waits for it sees it; a start that is meant to fail has nobody waiting.
  ready.catch(() => undefined);
  return {
    child,
    pid: child.pid ?? Number.NaN,
    ready,
    ended,
    stdout: () => stdout,
    complaints: () => stderr.split('\n').filter((line) => line !== ''),
    end(signal) {
      child.kill(signal);
      return ended;
    },
  };
}

/** Resolves when everything was printed as well; for processes that end by themselves. */
export async function outcomeOf(started: Started) {
  await new Promise((resolve) => started.child.once('close', resolve));
  return { code: started.child.exitCode, complaints: started.complaints() };
}

/** A data directory of its own; whatever database still runs in it is ended with it. */
export async function openDataDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'latchkey-data-'));
  await chmod(path, 0o755);
  const postmasterFile = join(path, 'postgres', 'postmaster.pid');
  const lockOf = async () => (await readFile(postmasterFile, 'utf8').catch(() => '')).split('\n');
  return {
    path,
    /** The process id of the embedded database, if its lock file is there. */
    async postmaster(): Promise<number | undefined> {
      return Number((await lockOf())[0]) || undefined;
    },
    async postgresPort(): Promise<number> {
      return Number((await lockOf())[3]);
    },
    async json(name: string): Promise<Record<string, unknown>> {
      return JSON.parse(await readFile(join(path, name), 'utf8')) as Record<string, unknown>;
    },
    async remove(): Promise<void> {
      const pid = Number((await lockOf())[0]);
      if (pid > 0 && isAlive(pid)) {
        process.kill(pid, 'SIGQUIT');
        while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

export type DataDirectory = Awaited<ReturnType<typeof openDataDirectory>>;

/** Whether a process runs; the dead whom nobody waited for do not count. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
