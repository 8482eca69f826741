/**
 * Takes jobs out of PostgreSQL and has them done: each at least once, by one node at a time
 * (`FOR UPDATE SKIP LOCKED`), again and later when it fails. LISTEN makes it prompt, polling
 * makes it sure. A lost database stops the work and never the process.
 */
import { EventEmitter } from 'node:events';
import { runTaskList, type TaskList, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import pg from 'pg';
import { AppError } from '../kernel/errors.js';
import type { Secret } from '../kernel/secret.js';
import { createJobJanitor, type UnsettledJob } from './job-queue-janitor.js';
import { queueLogger } from './job-queue-logger.js';
import { QUEUE_SCHEMA } from './job-queue-schema.js';
import type { Logger } from './logger.js';

export type QueuedJob = {
  readonly id: string;
  readonly payload: unknown;
  /** The first is 1. One that a killed node began counts as well. */
  readonly attempt: number;
};

/** By the name that stands in the queue; whatever they throw is tried again later. */
export type Tasks = Readonly<Record<string, (job: QueuedJob) => Promise<void>>>;

export type JobQueue = {
  /** Takes no new job, and gives those under way a few seconds to end. */
  close(): Promise<void>;
};

const CONCURRENCY = 2;
const POLL_MS = 2_000;
const RESTART_MS = 1_000;
const DRAIN_MS = 8_000;

/** Starts to work; the schema must be there (`applyQueueSchema`). */
export function startJobQueue(options: {
  readonly url: Secret;
  readonly tasks: Tasks;
  readonly log: Logger;
}): JobQueue {
  const { log } = options;
  const pool = new pg.Pool({
    connectionString: options.url.reveal(),
    application_name: 'latchkey-queue',
    // One for each job, one that listens, one for the janitor.
    max: CONCURRENCY + 2,
    connectionTimeoutMillis: 1_000,
    statement_timeout: 5_000,
    query_timeout: 6_000,
    keepAlive: true,
  });
  // Without listeners a lost connection would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));

  const taskList = Object.fromEntries(
    Object.entries(options.tasks).map(([name, work]) => [name, guard(name, work, log)]),
  ) as TaskList;
  const janitor = createJobJanitor(pool);
  const unsettled: UnsettledJob[] = [];
  let workers: WorkerPool | undefined;
  let restart: NodeJS.Timeout | undefined;
  let closed = false;

  const begin = () => {
    const events: WorkerEvents = new EventEmitter();
    // The library's workers end for good when the database is lost just as they report on a
    // job: the report is made up for, and all of them are replaced.
    events.on('worker:fatalError', ({ worker, error, jobError }) => {
      const job = worker.getActiveJob();
      log.warn({ code: failureCode(error), job: job?.id }, 'a queue worker lost the database');
      unsettled.push({ workerId: worker.workerId, doneJob: jobError ? undefined : job?.id });
      // Ended by us it ends quietly; else the library prints the error to the console.
      void worker.release(true);
      planRestart();
    });
    workers = runTaskList(
      {
        pgPool: pool,
        schema: QUEUE_SCHEMA,
        concurrency: CONCURRENCY,
        pollInterval: POLL_MS,
        noHandleSignals: true,
        logger: queueLogger(log),
        events,
      },
      taskList,
      pool,
    );
    workers.catch(() => undefined);
  };

  const planRestart = () => {
    if (restart || closed) return;
    restart = setTimeout(() => {
      const settled = unsettled.slice();
      janitor
        .settle(settled)
        .then(async () => {
          unsettled.splice(0, settled.length);
          await workers?.gracefulShutdown();
          if (!closed) begin();
        })
        .catch(() => undefined)
        .finally(() => {
          restart = undefined;
          if (unsettled.length > 0) planRestart();
        });
    }, RESTART_MS);
  };

  begin();
  janitor.start();
  return {
    async close() {
      closed = true;
      clearTimeout(restart);
      janitor.stop();
      const drained = await within(DRAIN_MS, workers?.gracefulShutdown());
      // Jobs given back here are taken up by another node, or after the next start.
      if (!drained) await within(RESTART_MS, workers?.forcefulShutdown('the process stops'));
      await within(RESTART_MS, pool.end());
    },
  };
}

/**
 * What a job throws stays out of the queue's tables, which keep the last error of each in
 * clear: a mail server's answer quotes the address it refused. The log gets a code as well.
 */
function guard(name: string, work: Tasks[string], log: Logger) {
  return async (payload: unknown, { job }: { job: JobState }): Promise<void> => {
    try {
      await work({ id: job.id, payload, attempt: job.attempts });
    } catch (error) {
      const seen = { task: name, job: job.id, attempt: job.attempts, code: failureCode(error) };
      if (job.attempts < job.max_attempts) {
        log.warn(seen, 'a job failed and will be tried again');
        throw new Error(seen.code);
      }
      // Ends as done: a job that nobody will ever do must not stay in the tables for ever.
      log.error(seen, 'a job failed for the last time and was given up');
    }
  };
}

type JobState = { readonly id: string; readonly attempts: number; readonly max_attempts: number };

function failureCode(error: unknown): string {
  if (error instanceof AppError) return error.code;
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[\w ()-]{1,60}$/.test(code) ? code : error.name;
}

/** Whether `work` ended in time; how it ended is told elsewhere. */
async function within(ms: number, work: Promise<unknown> | undefined): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = Promise.resolve(work).then(
    () => true,
    () => true,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
