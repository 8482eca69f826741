#!/usr/bin/env node
/**
 * The process: environment and arguments in, an exit code out. What is heavy is loaded once it
 * is known to be needed, so that help and a wrong setting are answered at once.
 */
import './quiet.js';
import cluster from 'node:cluster';
import type { CliCore } from './cli/core.js';
import { runCommand } from './cli/index.js';
import { ask, readLine } from './cli/terminal.js';
import { loadConfig, processEnvironment } from './config/index.js';
import { explain } from './explain.js';

const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);

const env = processEnvironment();
const readConfig = () => loadConfig(env, { terminal: process.stdout.isTTY === true });

async function start(): Promise<number> {
  const config = readConfig();
  // Told to stop while it still comes up, it does so as soon as that can be done in order.
  const told = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, resolve);
  });
  const { serve } = await import('./serve.js');
  const { createLogger } = await import('./platform/logger.js');
  const running = await serve(config, createLogger(config.log), say);
  await running.stop(await told);
  return 0;
}

/** Commands work on the same database as the server, whether it runs or not. */
async function withCore<T>(work: (core: CliCore) => Promise<T>): Promise<T> {
  const { visit } = await import('./visit.js');
  return visit(readConfig(), work);
}

async function migrate(): Promise<string[]> {
  const { bringUpToDate } = await import('./visit.js');
  return bringUpToDate(readConfig());
}

async function work(): Promise<number> {
  const { work: serveAsWorker } = await import('./worker.js');
  return serveAsWorker(readConfig);
}

// Only the primary hires workers; the word alone is a command that does not exist.
const isWorker = cluster.isWorker && process.argv[2] === 'worker';

try {
  process.exitCode = isWorker
    ? await work()
    : await runCommand(process.argv.slice(2), {
        say,
        complain,
        ask,
        readLine,
        start,
        migrate,
        withCore,
      });
} catch (error) {
  explain(error).forEach(complain);
  if (env.LOG_LEVEL === 'debug' && error instanceof Error) complain(error.stack ?? '');
  process.exitCode = 1;
}
// Whatever still holds the loop open (a database on its way down) has nothing left to say.
process.exit();
