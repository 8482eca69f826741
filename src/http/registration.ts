/**
 * Creating an account on the way to a shop that allows it: an address, the code from a letter, a
 * password, and on with the sign-in that it was begun in. Plain forms within the interaction.
 */
import type Router from '@koa/router';
import type { Proof } from '../domain/registrations/index.js';
import type { CompleteRegistration } from '../flows/registration/complete.js';
import type { RegistrationPage, RequestRegistration } from '../flows/registration/request.js';
import type { SignInPage } from '../flows/sign-in/index.js';
import { AppError } from '../kernel/errors.js';
import type { Interaction, Interactions } from '../oidc/interactions.js';
import { brandOf } from './brand.js';
import type { AppContext, RequestState } from './context.js';
import type { DeviceCookie } from './device-cookie.js';
import { pageOf } from './language.js';
import { type FormTokens, formField } from './middleware/form-guard.js';
import { allowWorkers } from './middleware/headers.js';
import { createRegistrationCookies, registerPath } from './registration-cookie.js';
import { createSideWay, type Here, sendOn, showLettersLimited } from './sign-in-side.js';
import { challengeFor } from './signin-pages.js';
import {
  registerCodePage,
  registerDeadPage,
  registerDonePage,
  registerPage,
  registerPasswordPage,
} from './views.js';
import { visitorOf } from './visitor.js';

export type RegistrationParts = {
  readonly issuer: string;
  readonly interactions: Interactions;
  readonly request: RequestRegistration;
  readonly complete: CompleteRegistration;
  /** The least length of a new password, as configured. */
  readonly minLength: number;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
};

/** The router for `/signin/:uid/register`. */
export function registrationRoutes(parts: RegistrationParts): Router<RequestState> {
  const { interactions, request, complete, minLength, tokens, devices } = parts;
  const cookies = createRegistrationCookies(parts.issuer);
  const { router, at } = createSideWay(parts, 'register', ({ signUp }) => signUp);

  const frame = (ctx: AppContext, { uid, client }: Interaction, path = '') => ({
    client: brandOf(client),
    action: registerPath(uid) + path,
    csrf: tokens.issue(uid),
    ...pageOf(ctx),
  });

  const showAsk = (
    ctx: AppContext,
    { interaction }: Here,
    page: Extract<RegistrationPage, { kind: 'ask' }>,
    typed: { email?: string; name?: string } = {},
  ) => {
    if (page.problem) ctx.status = 422;
    if (page.ask) allowWorkers(ctx);
    ctx.body = registerPage({
      ...frame(ctx, interaction),
      signInHref: `/signin/${interaction.uid}`,
      ...typed,
      problem: page.problem,
      ...challengeFor(page.ask),
    });
  };

  at('', {
    async get(ctx, here) {
      const page = await request.look(here.interaction.uid, visitorOf(ctx, devices));
      if (page.kind === 'ask') showAsk(ctx, here, page);
    },
    async post(ctx, here) {
      const { uid, client } = here.interaction;
      const email = (formField(ctx, 'email') ?? '').slice(0, 254);
      const name = (formField(ctx, 'name') ?? '').slice(0, 400);
      const form = {
        interactionId: uid,
        client: { id: client.id, name: client.name },
        email,
        name,
        puzzle: formField(ctx, 'altcha') || undefined,
        patience: formField(ctx, 'wait_token') || undefined,
      };
      const page = await request.submit(form, visitorOf(ctx, devices));
      switch (page.kind) {
        case 'ask':
          return showAsk(ctx, here, page, { email, name });
        case 'limited':
          return showLettersLimited(ctx, page.retryAfterSeconds, `/signin/${uid}`);
        case 'sent':
          cookies.writePage(ctx, uid, { sent: email.trim() });
          cookies.writeLink(ctx, { from: uid });
          return sendOn(ctx, `${registerPath(uid)}/code`);
      }
    },
  });

  const showCode = (ctx: AppContext, { interaction }: Here, problem?: 'wrong-code') => {
    if (problem) ctx.status = 422;
    ctx.body = registerCodePage({
      ...frame(ctx, interaction, '/code'),
      email: cookies.readPage(ctx).sent ?? '',
      againHref: registerPath(interaction.uid),
      problem,
    });
  };
  const showDead = (ctx: AppContext, { interaction }: Here) => {
    // The address was good and never will be again (RFC 9110 section 15.5.11).
    ctx.status = 410;
    ctx.body = registerDeadPage({
      ...frame(ctx, interaction),
      againHref: registerPath(interaction.uid),
    });
  };

  at('/code', {
    get(ctx, here) {
      const { uid } = here.interaction;
      if (cookies.readPage(ctx).sent === undefined) return sendOn(ctx, registerPath(uid));
      showCode(ctx, here);
    },
    async post(ctx, here) {
      const { uid, client } = here.interaction;
      const code = (formField(ctx, 'code') ?? '').slice(0, 32);
      const asked = { interactionId: uid, clientId: client.id };
      const result = await complete.tryCode(asked, code, visitorOf(ctx, devices));
      if (result.kind === 'right') return sendOn(ctx, `${registerPath(uid)}/password`);
      return result.kind === 'wrong' ? showCode(ctx, here, 'wrong-code') : showDead(ctx, here);
    },
  });

  /** The code that was typed here, or the link that was opened here. */
  const proofOf = (ctx: AppContext, { interaction }: Here): Proof => {
    const { token } = cookies.readPage(ctx);
    return token === undefined ? { interactionId: interaction.uid } : { token };
  };
  const showPassword = (
    ctx: AppContext,
    { interaction }: Here,
    email: string,
    problem?: Parameters<typeof registerPasswordPage>[0]['problem'],
  ) => {
    ctx.body = registerPasswordPage({
      ...frame(ctx, interaction, '/password'),
      email,
      minLength,
      problem,
    });
  };
  /** To the shop, or to what the sign-in still asks for. */
  const goOn = async (ctx: AppContext, { interaction }: Here, page: SignInPage) => {
    if (page.kind === 'signed-in') devices.add(ctx, page.deviceToken);
    if (page.kind === 'signed-in' || page.kind === 'unreachable') {
      return sendOn(ctx, await interactions.answer(ctx.req, ctx.res, interaction, page));
    }
    sendOn(ctx, `/signin/${interaction.uid}`);
  };

  at('/password', {
    async get(ctx, here) {
      const page = await complete.look(proofOf(ctx, here));
      return page.kind === 'dead' ? showDead(ctx, here) : showPassword(ctx, here, page.email);
    },
    async post(ctx, here) {
      const { interaction, question } = here;
      const { uid, client } = interaction;
      const proof = proofOf(ctx, here);
      const signIn = {
        interactionId: uid,
        clientId: client.id,
        clientName: client.name,
        requiredAcr: question.requiredAcr,
      };
      try {
        const next = formField(ctx, 'new_password') ?? '';
        const result = await complete.submit(proof, next, visitorOf(ctx, devices), signIn);
        switch (result.kind) {
          case 'refused':
            ctx.status = 422;
            return showPassword(ctx, here, result.email, {
              kind: 'refused',
              faults: result.faults,
            });
          case 'taken': {
            const way = { outcome: result.kind, signInHref: `/signin/${uid}` };
            ctx.body = registerDonePage({ ...frame(ctx, interaction), ...way });
            return;
          }
          case 'goes-on':
            return await goOn(ctx, here, result.page);
          default:
            return showDead(ctx, here);
        }
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'overloaded') throw error;
        const page = await complete.look(proof);
        if (page.kind === 'dead') return showDead(ctx, here);
        ctx.status = 503;
        ctx.set('Retry-After', String(error.row.retryAfterSeconds ?? 2));
        showPassword(ctx, here, page.email, { kind: 'overloaded' });
      }
    },
  });

  return router;
}
