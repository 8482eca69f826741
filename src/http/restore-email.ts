/**
 * The link in the letter to an address that an account has left. Opening it changes nothing: the
 * token moves into a cookie, and a page asks. Nobody is signed in by it.
 */
import Router from '@koa/router';
import type { UndoEmailChange } from '../flows/account/undo-email-change.js';
import type { AppContext, RequestState } from './context.js';
import type { DeviceCookie } from './device-cookie.js';
import { readForm } from './form-body.js';
import { pageOf } from './language.js';
import { linkToken } from './links.js';
import { type FormTokens, refuseCrossSite } from './middleware/form-guard.js';
import { createStateCookie, textOf } from './state-cookie.js';
import { restoreDonePage, restoreEmailPage, restoreRefusedPage } from './views.js';
import { visitorOf } from './visitor.js';

export type RestoreEmailParts = {
  readonly issuer: string;
  readonly undo: UndoEmailChange;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
};

const RESTORE = '/restore-email';
const ASK = `${RESTORE}/ask`;
const DONE = `${RESTORE}/done`;
const RECOVERY = '/recovery';

/** The router mounted at `/restore-email`. */
export function restoreEmailRoutes(parts: RestoreEmailParts): Router<RequestState> {
  const { undo, tokens, devices } = parts;
  const cookie = createStateCookie(parts.issuer, 'restore');
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.use(RESTORE, refuseCrossSite(parts.issuer));

  const send = (ctx: AppContext, location: string) => {
    ctx.status = 303;
    ctx.redirect(location);
  };
  const refuse = (ctx: AppContext, why: 'dead' | 'taken') => {
    // Gone for good, or so it may be; or in the way of what is there (RFC 9110 section 15.5).
    ctx.status = why === 'dead' ? 410 : 409;
    ctx.type = 'html';
    ctx.body = restoreRefusedPage({ ...pageOf(ctx), why });
  };
  const tokenIn = (ctx: AppContext) => textOf(cookie.read(ctx).token);

  router.get(ASK, async (ctx) => {
    const token = tokenIn(ctx) ?? '';
    const page = await undo.look(token);
    if (page.kind === 'dead') return refuse(ctx, 'dead');
    ctx.type = 'html';
    ctx.body = restoreEmailPage({
      ...pageOf(ctx),
      action: ASK,
      csrf: tokens.issue(`restore ${token}`),
      email: page.email,
    });
  });

  router.post(ASK, readForm(), async (ctx) => {
    const token = tokenIn(ctx);
    // Opened in another tab, or too late for the cookie: there is no link to speak of.
    if (token === undefined) return refuse(ctx, 'dead');
    tokens.check(ctx, `restore ${token}`);
    const result = await undo.submit(token, visitorOf(ctx, devices));
    if (result.kind !== 'restored') return refuse(ctx, result.kind);
    cookie.write(ctx, { done: 'yes' }, RESTORE);
    return send(ctx, DONE);
  });

  router.get(DONE, (ctx) => {
    if (textOf(cookie.read(ctx).done) === undefined) return refuse(ctx, 'dead');
    ctx.type = 'html';
    ctx.body = restoreDonePage({ ...pageOf(ctx), recoveryHref: RECOVERY });
  });

  router.get(`${RESTORE}/:token`, (ctx) => {
    cookie.write(ctx, { token: linkToken(ctx.params.token) }, RESTORE);
    send(ctx, ASK);
  });

  return router;
}
