/**
 * Signing in with a code by e-mail, at a client that offers it: an address, the code from a
 * letter, and on with the sign-in that it was asked for in. Plain forms within the interaction.
 */
import Router from '@koa/router';
import type { EnterEmailCode } from '../flows/email-code/enter.js';
import type { CodeRequestPage, RequestEmailCode } from '../flows/email-code/request.js';
import type { SignInPage } from '../flows/sign-in/index.js';
import { AppError } from '../kernel/errors.js';
import type { Interaction, Interactions } from '../oidc/interactions.js';
import { wordsIn } from '../words/index.js';
import { brandOf } from './brand.js';
import type { AppContext, RequestState } from './context.js';
import type { DeviceCookie } from './device-cookie.js';
import { createEmailCodeCookie, emailCodePath } from './email-code-cookie.js';
import { readForm } from './form-body.js';
import { pageOf, preferLanguage } from './language.js';
import { type FormTokens, formField, refuseCrossSite } from './middleware/form-guard.js';
import { allowFormTarget, allowWorkers } from './middleware/headers.js';
import { challengeFor, showStep } from './signin-pages.js';
import { clockTime } from './views/when.js';
import { emailCodeAskPage, emailCodeDeadPage, emailCodePage, errorPage } from './views.js';
import { visitorOf } from './visitor.js';

export type EmailCodeParts = {
  readonly issuer: string;
  readonly interactions: Interactions;
  readonly request: RequestEmailCode;
  readonly enter: EnterEmailCode;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
};

type LoginQuestion = Extract<Interaction['question'], { kind: 'login' }>;
type Here = { readonly interaction: Interaction; readonly question: LoginQuestion };
type Work = (ctx: AppContext, here: Here) => Promise<void> | void;

/** The router for `/signin/:uid/email-code`. */
export function emailCodeRoutes(parts: EmailCodeParts): Router<RequestState> {
  const { interactions, request, enter, tokens, devices } = parts;
  const cookie = createEmailCodeCookie(parts.issuer);
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.use('/signin/:uid/email-code', refuseCrossSite(parts.issuer));

  const send = (ctx: AppContext, location: string) => {
    // 303: the browser must not send the code on to where it goes next (RFC 9700 4.12).
    ctx.status = 303;
    ctx.redirect(location);
  };

  /** Only while the interaction asks for a log-in, and its client offers codes. */
  const within =
    (work: Work) =>
    async (ctx: AppContext): Promise<void> => {
      const interaction = await interactions.get(ctx.req, ctx.res, String(ctx.params.uid));
      if (!interaction.client.emailCode) throw new AppError('not_found');
      allowFormTarget(ctx, interaction.redirectUri);
      preferLanguage(ctx, interaction.client.uiLocales);
      if (ctx.method === 'POST') tokens.check(ctx, interaction.uid);
      const { question } = interaction;
      if (question.kind !== 'login') return send(ctx, `/signin/${interaction.uid}`);
      ctx.type = 'html';
      await work(ctx, { interaction, question });
    };

  const at = (path: string, work: { get: Work; post: Work }) => {
    router.get(`/signin/:uid/email-code${path}`, within(work.get));
    router.post(`/signin/:uid/email-code${path}`, readForm(), within(work.post));
  };

  const frame = (ctx: AppContext, { uid, client }: Interaction, path = '') => ({
    client: brandOf(client),
    action: emailCodePath(uid) + path,
    csrf: tokens.issue(uid),
    signInHref: `/signin/${uid}`,
    ...pageOf(ctx),
  });

  const showAsk = (
    ctx: AppContext,
    { interaction }: Here,
    page: Extract<CodeRequestPage, { kind: 'ask' }>,
    login: string | undefined,
  ) => {
    if (page.problem) ctx.status = 422;
    if (page.ask) allowWorkers(ctx);
    ctx.body = emailCodeAskPage({
      ...frame(ctx, interaction),
      login,
      problem: page.problem,
      ...challengeFor(page.ask),
    });
  };

  at('', {
    async get(ctx, here) {
      const { interaction, question } = here;
      const page = await request.look(interaction.uid, visitorOf(ctx, devices));
      if (page.kind !== 'ask') return;
      showAsk(ctx, here, page, cookie.read(ctx)?.sent ?? question.loginHint);
    },
    async post(ctx, here) {
      const { uid, client } = here.interaction;
      const login = (formField(ctx, 'login') ?? '').slice(0, 254);
      const form = {
        interactionId: uid,
        client: { id: client.id, name: client.name },
        login,
        secret: cookie.read(ctx)?.secret,
        puzzle: formField(ctx, 'altcha') || undefined,
        patience: formField(ctx, 'wait_token') || undefined,
      };
      const page = await request.submit(form, visitorOf(ctx, devices));
      switch (page.kind) {
        case 'ask':
          return showAsk(ctx, here, page, login);
        case 'limited': {
          const words = wordsIn(ctx.state.language);
          const time = clockTime(page.retryAfterSeconds);
          ctx.status = 429;
          ctx.set('Retry-After', String(page.retryAfterSeconds));
          ctx.body = errorPage({
            status: 429,
            title: words.t('email-code.limited'),
            message: words.t('email-code.limited-until', { time }),
            requestId: ctx.state.requestId,
            backHref: `/signin/${uid}`,
            ...pageOf(ctx),
          });
          return;
        }
        case 'sent':
          cookie.write(ctx, uid, { sent: login.trim(), secret: page.secret });
          return send(ctx, `${emailCodePath(uid)}/code`);
      }
    },
  });

  const showCode = (
    ctx: AppContext,
    { interaction }: Here,
    login: string,
    problem?: 'wrong-code',
  ) => {
    if (problem) ctx.status = 422;
    ctx.body = emailCodePage({
      ...frame(ctx, interaction, '/code'),
      login,
      againHref: emailCodePath(interaction.uid),
      problem,
    });
  };
  const showDead = (ctx: AppContext, { interaction }: Here) => {
    // The code was good and never will be again (RFC 9110 section 15.5.11).
    ctx.status = 410;
    ctx.body = emailCodeDeadPage({
      ...frame(ctx, interaction),
      againHref: emailCodePath(interaction.uid),
    });
  };
  /** To the shop, to what the sign-in still asks for, or to the page that says why not. */
  const goOn = async (ctx: AppContext, { interaction }: Here, page: SignInPage) => {
    switch (page.kind) {
      case 'signed-in':
      case 'unreachable':
        if (page.kind === 'signed-in') devices.add(ctx, page.deviceToken);
        return send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, page));
      case 'locked':
      case 'ended':
        return showStep(ctx, { interaction, csrf: tokens.issue(interaction.uid), page });
      default:
        return send(ctx, `/signin/${interaction.uid}`);
    }
  };

  at('/code', {
    get(ctx, here) {
      const waiting = cookie.read(ctx);
      if (!waiting) return send(ctx, emailCodePath(here.interaction.uid));
      showCode(ctx, here, waiting.sent);
    },
    async post(ctx, here) {
      const { interaction, question } = here;
      const { uid, client } = interaction;
      const waiting = cookie.read(ctx);
      // Another browser, or too late for the cookie: there is no code to speak of.
      if (!waiting) return showDead(ctx, here);
      const signIn = {
        interactionId: uid,
        clientId: client.id,
        clientName: client.name,
        requiredAcr: question.requiredAcr,
      };
      const code = (formField(ctx, 'code') ?? '').slice(0, 32);
      const { secret } = waiting;
      const result = await enter(signIn, visitorOf(ctx, devices), { code, secret });
      switch (result.kind) {
        case 'wrong':
          return showCode(ctx, here, waiting.sent, 'wrong-code');
        case 'dead':
          return showDead(ctx, here);
        case 'goes-on':
          return goOn(ctx, here, result.page);
      }
    },
  });

  return router;
}
