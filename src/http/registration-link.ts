/**
 * The link in a newcomer's letter. Opening it changes nothing: the token moves into a cookie, and
 * a form asks for the password. In the browser that asked for the letter the sign-in goes on;
 * in any other the account is made ready, and nobody is signed in.
 */
import Router from '@koa/router';
import { AppError } from '../kernel/errors.js';
import { brandOf } from './brand.js';
import type { AppContext, RequestState } from './context.js';
import { readForm } from './form-body.js';
import { pageOf, preferLanguage } from './language.js';
import { linkToken } from './links.js';
import { formField, refuseCrossSite } from './middleware/form-guard.js';
import type { RegistrationParts } from './registration.js';
import { createRegistrationCookies, REGISTER, registerPath } from './registration-cookie.js';
import { registerDeadPage, registerDonePage, registerPasswordPage } from './views.js';
import { visitorOf } from './visitor.js';

const CHOOSE = `${REGISTER}/password`;
const DONE = `${REGISTER}/done`;

/** The router mounted at `/register`. */
export function registrationLinkRoutes(parts: RegistrationParts): Router<RequestState> {
  const { interactions, complete, minLength, tokens, devices } = parts;
  const cookies = createRegistrationCookies(parts.issuer);
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.use(REGISTER, refuseCrossSite(parts.issuer));

  const send = (ctx: AppContext, location: string) => {
    ctx.status = 303;
    ctx.redirect(location);
  };
  /** Speaks as the shop asked for, if this browser is on its way from one. */
  const speak = async (ctx: AppContext) => {
    const { from } = cookies.readLink(ctx);
    if (from) preferLanguage(ctx, (await interactions.clientOf(from))?.uiLocales);
  };
  const showDead = (ctx: AppContext) => {
    ctx.status = 410;
    ctx.type = 'html';
    ctx.body = registerDeadPage({ ...pageOf(ctx) });
  };
  const showForm = async (
    ctx: AppContext,
    token: string,
    page: { readonly email: string; readonly clientId: string },
    problem?: Parameters<typeof registerPasswordPage>[0]['problem'],
  ) => {
    const client = await interactions.findClient(page.clientId);
    if (!client) return showDead(ctx);
    await speak(ctx);
    ctx.type = 'html';
    ctx.body = registerPasswordPage({
      client: brandOf(client),
      ...pageOf(ctx),
      action: CHOOSE,
      csrf: tokens.issue(`register ${token}`),
      email: page.email,
      minLength,
      problem,
    });
  };

  router.get(CHOOSE, async (ctx) => {
    const token = cookies.readLink(ctx).token ?? '';
    const page = await complete.look({ token });
    return page.kind === 'dead' ? showDead(ctx) : showForm(ctx, token, page);
  });

  router.post(CHOOSE, readForm(), async (ctx) => {
    const { token } = cookies.readLink(ctx);
    // Opened in another tab, or too late for the cookie: there is no link to speak of.
    if (token === undefined) return showDead(ctx);
    tokens.check(ctx, `register ${token}`);
    try {
      const next = formField(ctx, 'new_password') ?? '';
      const result = await complete.submit({ token }, next, visitorOf(ctx, devices));
      switch (result.kind) {
        case 'refused':
          ctx.status = 422;
          return await showForm(ctx, token, result, { kind: 'refused', faults: result.faults });
        case 'created':
        case 'taken':
          cookies.writeLink(ctx, { done: { kind: result.kind, client: result.clientId } });
          return send(ctx, DONE);
        default:
          return showDead(ctx);
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'overloaded') throw error;
      const page = await complete.look({ token });
      if (page.kind === 'dead') return showDead(ctx);
      ctx.status = 503;
      ctx.set('Retry-After', String(error.row.retryAfterSeconds ?? 2));
      await showForm(ctx, token, page, { kind: 'overloaded' });
    }
  });

  router.get(DONE, async (ctx) => {
    const { done } = cookies.readLink(ctx);
    const client = done && (await interactions.findClient(done.client));
    if (!client) return showDead(ctx);
    ctx.type = 'html';
    ctx.body = registerDonePage({
      client: brandOf(client),
      ...pageOf(ctx),
      outcome: done.kind === 'taken' ? 'taken' : 'created',
      clientUri: client.clientUri,
    });
  });

  router.get(`${REGISTER}/:token`, async (ctx) => {
    const { from } = cookies.readLink(ctx);
    const token = linkToken(ctx.params.token);
    // The way goes on where it was begun, while that is open.
    if (from && (await complete.isFrom(token, from)) && (await interactions.clientOf(from))) {
      cookies.writePage(ctx, from, { token });
      return send(ctx, `${registerPath(from)}/password`);
    }
    cookies.writeLink(ctx, { from, token });
    send(ctx, CHOOSE);
  });

  return router;
}
