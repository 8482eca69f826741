/** What the queue is asked to do, and which flow does it. */
import { type Mail, sendLetterTask } from '../domain/mail/index.js';
import type { SendLetter } from '../flows/send-letter.js';

export type QueuedJob = { readonly id: string; readonly payload: unknown };

/** By the name that stands in the queue; whatever they throw is tried again later. */
export type Tasks = Readonly<Record<string, (job: QueuedJob) => Promise<void>>>;

/** Tells the log of a letter: which job and what kind, never to whom. */
export type LetterObserver = (seen: {
  readonly job: string;
  readonly letter: string;
  readonly outcome: string;
}) => void;

export function createTasks(parts: {
  readonly mail: Pick<Mail, 'openLetter'>;
  readonly sendLetter: SendLetter;
  readonly onLetter: LetterObserver;
}): Tasks {
  return {
    async [sendLetterTask]({ id, payload }) {
      const letter = parts.mail.openLetter(payload);
      const result = await parts.sendLetter(letter);
      const outcome = result.kind === 'dropped' ? `dropped: ${result.reason}` : result.kind;
      parts.onLetter({ job: id, letter: letter.kind, outcome });
    },
  };
}
