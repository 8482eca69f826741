/** The parts list, letters: from the queue in the database to the reader's mailbox. */
import type { Core, Settled } from './compose.js';
import { createSendLetter } from './flows/send-letter.js';
import { createLetterWriter } from './jobs/letters.js';
import { createTasks } from './jobs/queue.js';
import { startJobQueue } from './platform/job-queue.js';
import { printLetter } from './platform/letter-press.js';
import type { Logger } from './platform/logger.js';
import { openMailbox } from './platform/mailbox.js';
import { createSmtpMailer } from './platform/mailer.js';

export function composePost(
  config: Settled,
  { domain, postgres, clock, keyring }: Core,
  log: Logger,
) {
  const { issuer, smtpUrl: url, mailFrom: from } = config;
  const smtp = url && createSmtpMailer({ url, from });
  const mailbox = openMailbox({ db: postgres.db, keyring, clock });
  const tasks = createTasks({
    mail: domain.mail,
    sendLetter: createSendLetter({
      identity: domain.identity,
      registrations: domain.registrations,
      mailer: smtp ?? mailbox,
      clock,
      render: createLetterWriter({
        print: printLetter,
        issuer,
        accountUrl: `${issuer}/account`,
      }),
    }),
    onLetter: (seen) => log.info(seen, 'a letter left the queue'),
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
