/**
 * The pages for a forgotten password: asking for a letter, and choosing a new password through
 * the link in it (OWASP Forgot Password Cheat Sheet). Opening a link changes nothing; it moves
 * the token into a cookie and shows the form.
 */
import Router from '@koa/router';
import type { RequestPage, RequestRecovery } from '../flows/recovery/request.js';
import type { LinkPage, ResetPassword } from '../flows/recovery/reset.js';
import { AppError } from '../kernel/errors.js';
import { newBearerValue } from '../kernel/ids.js';
import type { InteractionClient, Interactions } from '../oidc/interactions.js';
import { brandOf } from './brand.js';
import type { AppContext, RequestState } from './context.js';
import type { DeviceCookie } from './device-cookie.js';
import { readForm } from './form-body.js';
import { pageOf, preferLanguage } from './language.js';
import { linkToken } from './links.js';
import { type FormTokens, formField, refuseCrossSite } from './middleware/form-guard.js';
import { allowWorkers } from './middleware/headers.js';
import {
  createRecoveryCookie,
  interactionId,
  RECOVERY,
  type RecoveryState,
} from './recovery-cookie.js';
import { sendOn, showLettersLimited } from './sign-in-side.js';
import { challengeFor } from './signin-pages.js';
import {
  recoveryAskPage,
  recoveryDeadPage,
  recoveryDonePage,
  recoveryPasswordPage,
  recoverySentPage,
} from './views.js';
import { visitorOf } from './visitor.js';

export type RecoveryParts = {
  readonly issuer: string;
  readonly interactions: Pick<Interactions, 'clientOf' | 'findClient'>;
  readonly request: RequestRecovery;
  readonly reset: ResetPassword;
  /** The least length of a new password, as configured. */
  readonly minLength: number;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
};

const CHOOSE = `${RECOVERY}/new-password`;
const DONE = `${RECOVERY}/done`;

/** The router mounted at `/recovery`. */
export function recoveryRoutes(parts: RecoveryParts): Router<RequestState> {
  const { interactions, request, reset, minLength, tokens, devices } = parts;
  const cookie = createRecoveryCookie(parts.issuer);
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  const form = readForm();
  router.use(refuseCrossSite(parts.issuer));

  /** The shop whose sign-in it was begun in; the pages then speak as that one asked them to. */
  const begunIn = async (ctx: AppContext, { from }: RecoveryState) => {
    const client = from ? await interactions.clientOf(from) : undefined;
    preferLanguage(ctx, client?.uiLocales);
    return client;
  };
  const frame = (ctx: AppContext, client: InteractionClient | undefined) => ({
    client: client && brandOf(client),
    // Without its query: what came in that is in the cookie by now, or was no good.
    ...pageOf(ctx, ctx.method === 'GET' ? ctx.path : undefined),
  });
  const backTo = ({ from }: RecoveryState, client: InteractionClient | undefined) =>
    client && from ? `/signin/${from}` : undefined;

  const showAsk = (
    ctx: AppContext,
    state: RecoveryState & { readonly form: string },
    page: Extract<RequestPage, { kind: 'ask' }>,
    shown: { client: InteractionClient | undefined; login?: string },
  ) => {
    if (page.problem) ctx.status = 422;
    if (page.ask) allowWorkers(ctx);
    ctx.type = 'html';
    ctx.body = recoveryAskPage({
      ...frame(ctx, shown.client),
      action: RECOVERY,
      csrf: tokens.issue(`recovery ${state.form}`),
      backHref: backTo(state, shown.client),
      login: shown.login,
      problem: page.problem,
      ...challengeFor(page.ask),
    });
  };

  router.get(RECOVERY, async (ctx) => {
    const before = cookie.read(ctx);
    const state = {
      // Kept, so that a second tab does not spoil the first one.
      form: before.form ?? newBearerValue(128),
      from: ctx.query.from === undefined ? before.from : interactionId(ctx.query.from),
    };
    const client = await begunIn(ctx, state);
    const page = await request.look(state.form, visitorOf(ctx, devices));
    cookie.write(ctx, state);
    if (page.kind === 'ask') showAsk(ctx, state, page, { client });
  });

  router.post(RECOVERY, form, async (ctx) => {
    const state = cookie.read(ctx);
    const formId = state.form ?? '';
    if (formId === '') throw new AppError('cross_site_form');
    tokens.check(ctx, `recovery ${formId}`);
    const client = await begunIn(ctx, state);
    const login = (formField(ctx, 'login') ?? '').slice(0, 254);
    const page = await request.submit(
      {
        formId,
        login,
        puzzle: formField(ctx, 'altcha') || undefined,
        patience: formField(ctx, 'wait_token') || undefined,
        client,
      },
      visitorOf(ctx, devices),
    );
    ctx.type = 'html';
    switch (page.kind) {
      case 'ask':
        return showAsk(ctx, { ...state, form: formId }, page, { client, login });
      case 'limited':
        return showLettersLimited(ctx, page.retryAfterSeconds, backTo(state, client));
      case 'sent':
        ctx.body = recoverySentPage({
          ...frame(ctx, client),
          againHref: RECOVERY,
          backHref: backTo(state, client),
        });
    }
  });

  const showDead = async (ctx: AppContext, state: RecoveryState) => {
    // The address was good and never will be again, or so it may be (RFC 9110 section 15.5.11).
    ctx.status = 410;
    ctx.type = 'html';
    const client = await begunIn(ctx, state);
    ctx.body = recoveryDeadPage({ ...frame(ctx, client), againHref: RECOVERY });
  };

  const showForm = async (
    ctx: AppContext,
    token: string,
    page: Omit<Extract<LinkPage, { kind: 'choose' }>, 'kind'>,
    problem?: Parameters<typeof recoveryPasswordPage>[0]['problem'],
  ) => {
    await begunIn(ctx, cookie.read(ctx));
    const client = page.clientId ? await interactions.findClient(page.clientId) : undefined;
    ctx.type = 'html';
    ctx.body = recoveryPasswordPage({
      ...frame(ctx, client),
      action: CHOOSE,
      csrf: tokens.issue(`recovery ${token}`),
      email: page.email,
      minLength,
      problem,
    });
  };

  router.get(CHOOSE, async (ctx) => {
    const state = cookie.read(ctx);
    const token = state.token ?? '';
    const page = await reset.look(token);
    return page.kind === 'dead' ? showDead(ctx, state) : showForm(ctx, token, page);
  });

  router.post(CHOOSE, form, async (ctx) => {
    const state = cookie.read(ctx);
    const { token } = state;
    // Opened in another tab, or too late for the cookie: there is no link to speak of.
    if (token === undefined) return showDead(ctx, state);
    tokens.check(ctx, `recovery ${token}`);
    try {
      const next = formField(ctx, 'new_password') ?? '';
      const result = await reset.submit(token, next, visitorOf(ctx, devices));
      switch (result.kind) {
        case 'dead':
          return await showDead(ctx, state);
        case 'refused':
          ctx.status = 422;
          return await showForm(ctx, token, result, { kind: 'refused', faults: result.faults });
        case 'changed':
          cookie.write(ctx, { from: state.from, done: { client: result.clientId } });
          return sendOn(ctx, DONE);
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'overloaded') throw error;
      const page = await reset.look(token);
      if (page.kind === 'dead') return showDead(ctx, state);
      ctx.status = 503;
      ctx.set('Retry-After', String(error.row.retryAfterSeconds ?? 2));
      await showForm(ctx, token, page, { kind: 'overloaded' });
    }
  });

  router.get(DONE, async (ctx) => {
    const state = cookie.read(ctx);
    if (!state.done) return sendOn(ctx, RECOVERY);
    const begun = await begunIn(ctx, state);
    const { client: id } = state.done;
    const client = id ? await interactions.findClient(id) : begun;
    ctx.type = 'html';
    ctx.body = recoveryDonePage({
      ...frame(ctx, client),
      signInHref: backTo(state, begun),
      clientUri: client?.clientUri,
    });
  });

  router.get(`${RECOVERY}/:token`, async (ctx) => {
    const { from } = cookie.read(ctx);
    cookie.write(ctx, { from, token: linkToken(ctx.params.token) });
    sendOn(ctx, CHOOSE);
  });

  return router;
}
