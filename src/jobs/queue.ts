/** What the queue is asked to do, and which flow does it. */
import {
  NOTICE_TRIES,
  PING_TRIES,
  parseLogoutNotice,
  parsePing,
  sendNoticeTask,
  sendPingTask,
} from '../domain/grants/index.js';
import { type Mail, sendLetterTask } from '../domain/mail/index.js';
import type { SendPing } from '../flows/approvals/ping.js';
import type { SendLetter } from '../flows/send-letter.js';
import type { SendLogoutNotice } from '../flows/send-logout-notice.js';

export type QueuedJob = {
  readonly id: string;
  readonly payload: unknown;
  readonly attempt: number;
};

/** By the name that stands in the queue; whatever they throw is tried again later. */
export type Tasks = Readonly<Record<string, (job: QueuedJob) => Promise<void>>>;

/** Tells the log of a letter: which job and what kind, never to whom. */
export type LetterObserver = (seen: {
  readonly job: string;
  readonly letter: string;
  readonly outcome: string;
}) => void;

/** Tells log and metrics of what a client was to be told: to which client, never of whom. */
export type NoticeObserver = (seen: {
  readonly job: string;
  readonly client: string;
  readonly outcome: 'delivered' | 'unwanted' | 'failed' | 'given-up';
  /** Why it was not delivered. */
  readonly why?: string;
}) => void;

/** The queue writes down the code, and tries again. */
class NoticeFailed extends Error {
  override name = 'NoticeFailed';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export function createTasks(parts: {
  readonly mail: Pick<Mail, 'openLetter'>;
  readonly sendLetter: SendLetter;
  readonly onLetter: LetterObserver;
  readonly sendLogoutNotice: SendLogoutNotice;
  readonly onNotice: NoticeObserver;
  readonly sendPing: SendPing;
  readonly onPing: NoticeObserver;
}): Tasks {
  return {
    async [sendLetterTask]({ id, payload }) {
      const letter = parts.mail.openLetter(payload);
      const result = await parts.sendLetter(letter);
      const outcome = result.kind === 'dropped' ? `dropped: ${result.reason}` : result.kind;
      parts.onLetter({ job: id, letter: letter.kind, outcome });
    },

    async [sendNoticeTask]({ id, payload, attempt }) {
      const notice = parseLogoutNotice(payload);
      const result = await parts.sendLogoutNotice(notice, { last: attempt >= NOTICE_TRIES });
      const why = 'why' in result ? { why: result.why } : {};
      parts.onNotice({ job: id, client: notice.clientId, outcome: result.kind, ...why });
      if (result.kind === 'failed') throw new NoticeFailed(result.why);
    },

    async [sendPingTask]({ id, payload, attempt }) {
      const ping = parsePing(payload);
      const result = await parts.sendPing(ping, { last: attempt >= PING_TRIES });
      const why = 'why' in result ? { why: result.why } : {};
      parts.onPing({ job: id, client: ping.clientId, outcome: result.kind, ...why });
      if (result.kind === 'failed') throw new NoticeFailed(result.why);
    },
  };
}
