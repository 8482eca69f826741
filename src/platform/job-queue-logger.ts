/**
 * The queue library's words, on our log. Only its sentences pass: what it would attach to them
 * (whole jobs, connections) is not ours to print, and its "info" is what we call detail.
 */
import { Logger as QueueLogger } from 'graphile-worker';
import type { Logger } from './logger.js';

export function queueLogger(log: Logger | undefined): QueueLogger {
  return new QueueLogger(() => (level, message) => {
    // The first line: behind it come stacks of errors that are logged where they happen.
    const words = message.split('\n', 1)[0];
    if (/^(error|warning)$/.test(level)) log?.warn({ queue: words }, 'the queue reports');
    else log?.debug({ queue: words }, 'the queue reports');
  });
}
