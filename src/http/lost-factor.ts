/**
 * The link in the letter about a second factor that is said to be lost. Opening it changes
 * nothing, because mail programs open links as well; it moves the token out of the address bar
 * and asks.
 */
import Router from '@koa/router';
import type { StopReset } from '../flows/lost-factor/stop.js';
import { type AppContext, originOf, type RequestState } from './context.js';
import { readForm } from './form-body.js';
import { pageOf } from './language.js';
import { linkToken } from './links.js';
import { type FormTokens, refuseCrossSite } from './middleware/form-guard.js';
import { createRecoveryCookie, RECOVERY } from './recovery-cookie.js';
import { stopResetPage } from './views.js';

export type LostFactorParts = {
  readonly issuer: string;
  readonly stopReset: Pick<StopReset, 'look' | 'byLink'>;
  readonly tokens: FormTokens;
};

const STOP = `${RECOVERY}/second-step`;

/** The router mounted at `/recovery/second-step`. */
export function lostFactorRoutes(parts: LostFactorParts): Router<RequestState> {
  const { stopReset, tokens } = parts;
  const cookie = createRecoveryCookie(parts.issuer);
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.use(refuseCrossSite(parts.issuer));

  const showDead = (ctx: AppContext) => {
    ctx.status = 410;
    ctx.type = 'html';
    ctx.body = stopResetPage({ ...pageOf(ctx, STOP), state: { kind: 'dead' } });
  };

  router.get(`${STOP}/:token`, (ctx) => {
    cookie.write(ctx, { ...cookie.read(ctx), stop: linkToken(ctx.params.token) });
    ctx.status = 303;
    ctx.redirect(STOP);
  });

  router.get(STOP, async (ctx) => {
    const { stop = '' } = cookie.read(ctx);
    const effectiveAt = await stopReset.look(stop);
    if (!effectiveAt) return showDead(ctx);
    const csrf = tokens.issue(`second-step ${stop}`);
    ctx.type = 'html';
    ctx.body = stopResetPage({
      ...pageOf(ctx, STOP),
      state: { kind: 'ask', effectiveAt, action: STOP, csrf },
    });
  });

  router.post(STOP, readForm(), async (ctx) => {
    const { stop, ...rest } = cookie.read(ctx);
    if (stop === undefined) return showDead(ctx);
    tokens.check(ctx, `second-step ${stop}`);
    if (!(await stopReset.byLink(stop, originOf(ctx)))) return showDead(ctx);
    cookie.write(ctx, rest);
    ctx.type = 'html';
    ctx.body = stopResetPage({
      ...pageOf(ctx),
      state: { kind: 'stopped', passwordHref: RECOVERY },
    });
  });

  return router;
}
