/**
 * The sign-in pages: plain forms that work without JavaScript. Which page comes next is decided
 * by the stored interaction, never by the address.
 */
import bodyParser from '@koa/bodyparser';
import Router from '@koa/router';
import type { AnswerConsent } from '../flows/answer-consent.js';
import type { SignIn } from '../flows/sign-in.js';
import { AppError } from '../kernel/errors.js';
import type { Interaction, Interactions } from '../oidc/interactions.js';
import { type AppContext, originOf, type RequestState } from './context.js';
import { type FormTokens, formField, refuseCrossSite } from './middleware/form-guard.js';
import { allowFormTarget } from './middleware/headers.js';
import { FORM_LIMIT } from './middleware/limits.js';
import { consentPage, errorPage, identityLabel, type SignInProblem, signInPage } from './views.js';

export type SignInParts = {
  readonly issuer: string;
  readonly interactions: Interactions;
  readonly signIn: SignIn;
  readonly answerConsent: AnswerConsent;
  /** The e-mail address of an account, masked; for "signed in as". */
  readonly describeAccount: (accountId: string) => Promise<string>;
  readonly tokens: FormTokens;
};

/** The router mounted at `/signin`. */
export function signInRoutes(parts: SignInParts): Router<RequestState> {
  const { interactions, tokens } = parts;
  const router = new Router<RequestState>({ prefix: '/signin', strict: true, sensitive: true });
  const form = bodyParser({
    enableTypes: ['form'],
    formLimit: FORM_LIMIT,
    encoding: 'utf-8',
    onError: (error) => {
      throw error;
    },
  });
  const brandOf = ({ client }: Interaction) => ({
    name: client.name,
    policyUri: client.policyUri,
    tosUri: client.tosUri,
  });

  const load = async (ctx: AppContext): Promise<Interaction> => {
    const interaction = await interactions.get(ctx.req, ctx.res, String(ctx.params.uid));
    allowFormTarget(ctx, interaction.redirectUri);
    return interaction;
  };

  const showLogin = (
    ctx: AppContext,
    interaction: Interaction,
    shown: { login?: string | undefined; problem?: SignInProblem } = {},
  ) => {
    ctx.type = 'html';
    ctx.body = signInPage({
      client: brandOf(interaction),
      action: `/signin/${interaction.uid}/login`,
      cancelAction: `/signin/${interaction.uid}/cancel`,
      csrf: tokens.issue(interaction.uid),
      nonce: ctx.state.nonce,
      ...shown,
    });
  };

  const showConsent = async (
    ctx: AppContext,
    interaction: Interaction,
    question: Extract<Interaction['question'], { kind: 'consent' }>,
  ) => {
    ctx.type = 'html';
    ctx.body = consentPage({
      client: brandOf(interaction),
      redirectHost: hostOf(interaction.redirectUri),
      action: `/signin/${interaction.uid}/consent`,
      cancelAction: `/signin/${interaction.uid}/cancel`,
      csrf: tokens.issue(interaction.uid),
      signedInAs: await parts.describeAccount(question.accountId),
      identity: question.identity
        .filter((scope) => scope !== 'offline_access')
        .map((scope) => ({ scope, labelKey: identityLabel(scope) })),
      resources: question.resources,
      offline: question.identity.includes('offline_access'),
      nonce: ctx.state.nonce,
    });
  };

  const send = (ctx: AppContext, location: string) => {
    // 303: the browser must not send the credentials on to where it goes next (RFC 9700 4.12).
    ctx.status = 303;
    ctx.redirect(location);
  };

  router.use(refuseCrossSite(parts.issuer));

  router.get('/:uid', async (ctx) => {
    const interaction = await load(ctx);
    const { question } = interaction;
    if (question.kind === 'consent') await showConsent(ctx, interaction, question);
    else showLogin(ctx, interaction, { login: question.loginHint });
  });

  router.post('/:uid/login', form, async (ctx) => {
    const interaction = await load(ctx);
    tokens.check(ctx, interaction.uid);
    if (interaction.question.kind !== 'login') return send(ctx, `/signin/${interaction.uid}`);
    const login = (formField(ctx, 'login') ?? '').slice(0, 254);
    const password = formField(ctx, 'password') ?? '';
    let result: Awaited<ReturnType<SignIn>>;
    try {
      result = await parts.signIn({
        login,
        password,
        clientId: interaction.client.id,
        origin: originOf(ctx),
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'overloaded') throw error;
      ctx.status = 503;
      ctx.set('Retry-After', String(error.row.retryAfterSeconds ?? 2));
      return showLogin(ctx, interaction, { login, problem: 'overloaded' });
    }
    switch (result.kind) {
      case 'signed-in':
        return send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, result));
      case 'rejected':
        ctx.status = 422;
        return showLogin(ctx, interaction, { login, problem: 'rejected' });
      case 'second-factor-missing':
        ctx.status = 403;
        ctx.type = 'html';
        ctx.body = errorPage({
          status: 403,
          title: 'Staff need a second factor',
          message:
            'This account belongs to staff, who never sign in with a password alone, and it has no second factor yet.',
          requestId: ctx.state.requestId,
          nonce: ctx.state.nonce,
        });
        return;
    }
  });

  router.post('/:uid/consent', form, async (ctx) => {
    const interaction = await load(ctx);
    tokens.check(ctx, interaction.uid);
    const { question } = interaction;
    if (question.kind !== 'consent') return send(ctx, `/signin/${interaction.uid}`);
    await parts.answerConsent({
      accountId: question.accountId,
      clientId: interaction.client.id,
      allowed: true,
      scopes: [
        ...question.identity,
        ...question.resources.flatMap(({ scopes }) => scopes.map((scope) => scope.name)),
      ],
      origin: originOf(ctx),
    });
    send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, { kind: 'allowed' }));
  });

  router.post('/:uid/cancel', form, async (ctx) => {
    const interaction = await load(ctx);
    tokens.check(ctx, interaction.uid);
    const { question } = interaction;
    if (question.kind === 'consent') {
      await parts.answerConsent({
        accountId: question.accountId,
        clientId: interaction.client.id,
        allowed: false,
        scopes: [],
        origin: originOf(ctx),
      });
    }
    send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, { kind: 'refused' }));
  });

  return router;
}

function hostOf(uri: string): string {
  try {
    const url = new URL(uri);
    return url.host || url.protocol.slice(0, -1);
  } catch {
    return '';
  }
}
