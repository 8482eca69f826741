/**
 * The development mailbox, for people and for scripts. It shows other people's letters, so it
 * answers this machine alone, and whoever composes the server mounts it in development only.
 */
import Router from '@koa/router';
import { AppError } from '../kernel/errors.js';
import { type AppContext, isLoopback, type RequestState } from './context.js';
import { pageOf } from './language.js';
import { mailboxPage } from './views/mailbox.js';

export type MailboxMessage = {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly sentAt: string;
};

export type MailboxParts = {
  /** The newest first. */
  readonly list: () => Promise<readonly MailboxMessage[]>;
};

/**
 * A letter is somebody else's HTML: it is shown as mail programs show it, without scripts,
 * forms, frames or an origin of its own, and with nothing loaded from anywhere.
 */
const LETTER_POLICY =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

export function mailboxRoutes(parts: MailboxParts): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/dev', strict: true, sensitive: true });

  const open = async (ctx: AppContext): Promise<readonly MailboxMessage[]> => {
    if (!isLoopback(ctx.state.ip)) throw new AppError('not_found');
    return parts.list();
  };

  router.get('/mailbox', async (ctx) => {
    const messages = await open(ctx);
    ctx.type = 'html';
    ctx.body = mailboxPage({
      letters: messages.map(({ id, ...message }) => ({
        ...message,
        htmlHref: `/dev/mailbox/${id}`,
      })),
      jsonHref: '/dev/mailbox.json',
      ...pageOf(ctx),
    });
  });

  router.get('/mailbox.json', async (ctx) => {
    const messages = await open(ctx);
    ctx.body = messages.map(({ id: _id, ...message }) => message);
  });

  router.get('/mailbox/:id', async (ctx) => {
    const message = (await open(ctx)).find(({ id }) => id === ctx.params.id);
    if (!message) throw new AppError('not_found');
    ctx.set('Content-Security-Policy', LETTER_POLICY);
    ctx.type = 'html';
    ctx.body = message.html;
  });
  return router;
}
