/**
 * One hashing process, from its start to its end, seen from the server: spawned at the
 * lowest priority with nothing of the server's environment, asked over IPC, and killed when
 * it stops answering. Whoever wants another one after its end starts another one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AppError } from '../kernel/errors.js';
import {
  type HashingAnswer,
  type HashingGreeting,
  type HashingTask,
  isHashingAnswer,
  isHashingGreeting,
} from './password-hasher-protocol.js';

export type HasherProcess = {
  readonly pid: number | undefined;
  /** Rejects with `overloaded` when the process ends before it answers. */
  ask(task: HashingTask): Promise<HashingAnswer>;
  /** Closes the channel, which ends the process, and waits for its end. */
  end(): Promise<void>;
};

export type HasherProcessEvents = {
  readonly onGreeting: (greeting: HashingGreeting) => void;
  /** Called exactly once, after everything in flight has been rejected. */
  readonly onEnd: (reason: string) => void;
};

type Pending = { readonly resolve: (answer: HashingAnswer) => void; readonly reject: () => void };

// A stopped or wedged process would otherwise hold every log-in for ever.
const START_LIMIT_MS = 15_000;
const TASK_LIMIT_MS = 10_000;
const END_LIMIT_MS = 2_000;

/** Starts a hashing process with one thread for each hash that may run at once. */
export function startHasherProcess(threads: number, events: HasherProcessEvents): HasherProcess {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let complaint = '';
  let killedBecause: string | undefined;
  const child = spawnLowPriority(threads);
  const startLimit = setTimeout(() => kill('did not start in time'), START_LIMIT_MS);
  const ended = new Promise<void>((resolve) => {
    const end = (reason: string) => {
      clearTimeout(startLimit);
      for (const { reject } of pending.values()) reject();
      pending.clear();
      resolve();
      events.onEnd(killedBecause ?? reason);
    };
    // A failed spawn has no 'exit', and an 'error' after a spawn is always followed by one.
    child.once('error', (error) => {
      if (child.pid === undefined) end(error.message);
    });
    child.once('exit', (code, signal) =>
      end(`exited with ${signal ?? code}${complaint === '' ? '' : `: ${complaint}`}`),
    );
  });
  child.on('disconnect', () => setTimeout(() => kill('lost its channel'), END_LIMIT_MS).unref());
  child.on('message', (message: unknown) => {
    if (isHashingAnswer(message)) {
      pending.get(message.id)?.resolve(message);
    } else if (isHashingGreeting(message)) {
      clearTimeout(startLimit);
      // From here on it has seen passwords, so nothing it prints is kept.
      child.stderr?.removeAllListeners('data').resume();
      events.onGreeting(message);
    }
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2_000);
  });

  function kill(reason: string): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    killedBecause ??= reason;
    child.kill('SIGKILL');
  }

  return {
    pid: child.pid,
    ask: (task) =>
      new Promise((resolve, reject) => {
        lastId += 1;
        const id = lastId;
        const limit = setTimeout(() => kill('took too long over a hash'), TASK_LIMIT_MS);
        const settled = () => {
          clearTimeout(limit);
          pending.delete(id);
        };
        pending.set(id, {
          resolve(answer) {
            settled();
            resolve(answer);
          },
          reject() {
            settled();
            reject(new AppError('overloaded', { cause: 'the hashing process ended' }));
          },
        });
        child.send({ id, task }, (error) => {
          if (error !== null) pending.get(id)?.reject();
        });
      }),
    async end() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/**
 * Starts Node *under* `nice`: every thread then has the low priority from its first
 * instruction, whereas `os.setPriority` lowers the main thread alone and leaves the threads
 * that hash where they were. Not `detached`: a session of its own is a scheduling group of
 * its own on Linux (autogroup), inside which a nice value means nothing to the server.
 */
function spawnLowPriority(threads: number): ChildProcess {
  const node = [process.execPath, ...entry()];
  const nice = ['/usr/bin/nice', '/bin/nice', '/run/current-system/sw/bin/nice'].find(existsSync);
  const [command = process.execPath, ...args] =
    nice === undefined ? node : [nice, '-n', '19', ...node];
  return spawn(command, args, {
    // An explicit environment: the server's own holds database and signing secrets.
    env: { UV_THREADPOOL_SIZE: String(threads) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    windowsHide: true,
  });
}

/** The worker beside this file, compiled or as source, in which case tsx compiles it. */
function entry(): string[] {
  const extension = extname(fileURLToPath(import.meta.url));
  const worker = fileURLToPath(new URL(`./password-hasher-worker${extension}`, import.meta.url));
  if (extension !== '.ts') return [worker];
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return ['--import', pathToFileURL(tsx).href, worker];
}
