/**
 * Signing in with a code by e-mail, at a client that offers it: an address, the code from a
 * letter, and on with the sign-in that it was asked for in. Plain forms within the interaction.
 */
import type Router from '@koa/router';
import type { EnterEmailCode } from '../flows/email-code/enter.js';
import type { CodeRequestPage, RequestEmailCode } from '../flows/email-code/request.js';
import type { SignInPage } from '../flows/sign-in/index.js';
import type { Interaction, Interactions } from '../oidc/interactions.js';
import { brandOf } from './brand.js';
import type { AppContext, RequestState } from './context.js';
import type { DeviceCookie } from './device-cookie.js';
import { createEmailCodeCookie, emailCodePath } from './email-code-cookie.js';
import { pageOf } from './language.js';
import { type FormTokens, formField } from './middleware/form-guard.js';
import { allowWorkers } from './middleware/headers.js';
import { createSideWay, type Here, sendOn, showLettersLimited } from './sign-in-side.js';
import { challengeFor, showStep } from './signin-pages.js';
import { emailCodeAskPage, emailCodeDeadPage, emailCodePage } from './views.js';
import { visitorOf } from './visitor.js';

export type EmailCodeParts = {
  readonly issuer: string;
  readonly interactions: Interactions;
  readonly request: RequestEmailCode;
  readonly enter: EnterEmailCode;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
};

/** The router for `/signin/:uid/email-code`. */
export function emailCodeRoutes(parts: EmailCodeParts): Router<RequestState> {
  const { interactions, request, enter, tokens, devices } = parts;
  const cookie = createEmailCodeCookie(parts.issuer);
  const { router, at } = createSideWay(parts, 'email-code', ({ emailCode }) => emailCode);

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
        case 'limited':
          return showLettersLimited(ctx, page.retryAfterSeconds, `/signin/${uid}`);
        case 'sent':
          cookie.write(ctx, uid, { sent: login.trim(), secret: page.secret });
          return sendOn(ctx, `${emailCodePath(uid)}/code`);
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
        return sendOn(ctx, await interactions.answer(ctx.req, ctx.res, interaction, page));
      case 'locked':
      case 'ended':
        return showStep(ctx, { interaction, csrf: tokens.issue(interaction.uid), page });
      default:
        return sendOn(ctx, `/signin/${interaction.uid}`);
    }
  };

  at('/code', {
    get(ctx, here) {
      const waiting = cookie.read(ctx);
      if (!waiting) return sendOn(ctx, emailCodePath(here.interaction.uid));
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
