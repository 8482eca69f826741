/**
 * The parts list, what leaves the house through the queue in the database: letters, to the
 * reader's mailbox, and to clients, word of sessions that have ended and of requests that were
 * answered.
 */
import type { Core, Settled } from './compose.js';
import { createSendPing, type DeliverPing } from './flows/approvals/ping.js';
import { createSendLetter } from './flows/send-letter.js';
import { createSendLogoutNotice, type DeliverLogout } from './flows/send-logout-notice.js';
import { createLetterWriter } from './jobs/letters.js';
import { createTasks } from './jobs/queue.js';
import { startJobQueue } from './platform/job-queue.js';
import { printLetter } from './platform/letter-press.js';
import type { Logger } from './platform/logger.js';
import { openMailbox } from './platform/mailbox.js';
import { createSmtpMailer } from './platform/mailer.js';
import type { Metrics } from './platform/metrics.js';

export function composePost(
  config: Settled,
  { domain, transact, postgres, clock, keyring }: Core,
  parts: { log: Logger; metrics: Metrics; deliverLogout: DeliverLogout; deliverPing: DeliverPing },
) {
  const { log, metrics } = parts;
  const { issuer, smtpUrl: url, mailFrom: from } = config;
  const smtp = url && createSmtpMailer({ url, from });
  const mailbox = openMailbox({ db: postgres.db, keyring, clock });
  const tasks = createTasks({
    mail: domain.mail,
    sendLetter: createSendLetter({
      domain,
      transact,
      clock,
      mailer: smtp ?? mailbox,
      render: createLetterWriter({ print: printLetter, issuer }),
    }),
    onLetter: (seen) => log.info(seen, 'a letter left the queue'),
    sendLogoutNotice: createSendLogoutNotice({ transact, deliver: parts.deliverLogout }),
    onNotice(seen) {
      metrics.logoutNotice(seen.outcome);
      const level = seen.outcome === 'given-up' ? 'error' : 'info';
      log[level](seen, 'a client was to be told of a log-out');
    },
    sendPing: createSendPing({ domain, deliver: parts.deliverPing }),
    onPing: (seen) => log.info(seen, 'a client was to be told of an answer'),
  });
  const queue = startJobQueue({ url: config.databaseUrl, tasks, log });
  return {
    mailbox,
    async close() {
      await queue.close();
      smtp?.close();
    },
  };
}
