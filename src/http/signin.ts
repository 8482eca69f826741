/**
 * The sign-in pages: plain forms that work without JavaScript. Which page comes next is decided
 * by what is stored of the attempt, never by the address.
 */
import Router from '@koa/router';
import type { AnswerConsent } from '../flows/answer-consent.js';
import { ACCOUNT_CLIENT } from '../flows/ensure-account-client.js';
import type { SignIn, SignInPage, SignInRequest } from '../flows/sign-in/index.js';
import type { Language } from '../kernel/language.js';
import type { Interaction, Interactions } from '../oidc/interactions.js';
import { type AppContext, originOf, type RequestState } from './context.js';
import type { DeviceCookie } from './device-cookie.js';
import { readForm } from './form-body.js';
import { preferLanguage } from './language.js';
import { type FormTokens, formField, refuseCrossSite } from './middleware/form-guard.js';
import { allowFormTarget } from './middleware/headers.js';
import { showConsent, showStep } from './signin-pages.js';
import { visitorOf } from './visitor.js';

export type SignInParts = {
  readonly issuer: string;
  readonly interactions: Interactions;
  readonly signIn: SignIn;
  readonly answerConsent: AnswerConsent;
  /** For "signed in as": the e-mail address masked, and the language its owner speaks. */
  readonly describeAccount: (
    accountId: string,
  ) => Promise<{ readonly maskedEmail: string; readonly locale: Language | undefined }>;
  readonly tokens: FormTokens;
  readonly devices: DeviceCookie;
};

type LoginQuestion = Extract<Interaction['question'], { kind: 'login' }>;

/** Whether a form has led to another step; what it was refused for stays with the form. */
function goesOn(page: SignInPage): boolean {
  const steps = ['totp', 'passkey', 'enrol-totp', 'show-recovery-codes'];
  return steps.includes(page.kind) && !('problem' in page && page.problem);
}

/** The router mounted at `/signin`. */
export function signInRoutes(parts: SignInParts): Router<RequestState> {
  const { interactions, tokens, signIn, devices } = parts;
  const router = new Router<RequestState>({ prefix: '/signin', strict: true, sensitive: true });
  const form = readForm();

  const load = async (ctx: AppContext): Promise<Interaction> => {
    const interaction = await interactions.get(ctx.req, ctx.res, String(ctx.params.uid));
    allowFormTarget(ctx, interaction.redirectUri);
    preferLanguage(ctx, interaction.client.uiLocales);
    return interaction;
  };

  const requestOf = (interaction: Interaction, question: LoginQuestion): SignInRequest => ({
    interactionId: interaction.uid,
    clientId: interaction.client.id,
    // Letters and apps name the account area by its host: "Your account" is everybody's.
    clientName:
      interaction.client.id === ACCOUNT_CLIENT
        ? new URL(parts.issuer).host
        : interaction.client.name,
    requiredAcr: question.requiredAcr,
  });

  const send = (ctx: AppContext, location: string) => {
    // 303: the browser must not send the credentials on to where it goes next (RFC 9700 4.12).
    ctx.status = 303;
    ctx.redirect(location);
  };

  /** Shows the page, or answers the client when there is nothing left to ask. */
  const present = async (
    ctx: AppContext,
    interaction: Interaction,
    page: SignInPage,
    shown: { login?: string | undefined; recovery?: boolean; step?: string } = {},
  ): Promise<void> => {
    if (page.kind === 'signed-in') {
      devices.add(ctx, page.deviceToken);
      return send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, page));
    }
    if (page.kind === 'unreachable') {
      const answer = { kind: 'unreachable' } as const;
      return send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, answer));
    }
    showStep(ctx, { interaction, csrf: tokens.issue(interaction.uid), page, ...shown });
  };

  /** A form of one of the steps: guarded, and only while the interaction asks for a log-in. */
  const step = (
    path: string,
    work: (
      ctx: AppContext,
      request: SignInRequest,
      field: (name: string) => string,
    ) => Promise<SignInPage>,
  ) => {
    router.post(`/:uid/${path}`, form, async (ctx) => {
      const interaction = await load(ctx);
      tokens.check(ctx, interaction.uid);
      const { question } = interaction;
      if (question.kind !== 'login') return send(ctx, `/signin/${interaction.uid}`);
      const field = (name: string) => formField(ctx, name) ?? '';
      const login = field('login').slice(0, 254) || undefined;
      const page = await work(ctx, requestOf(interaction, question), field);
      // The next step is a page of its own: reloading it, or coming back to it, must not send the
      // password or the code again. What it shows is stored with the attempt.
      if (goesOn(page)) return send(ctx, `/signin/${interaction.uid}`);
      await present(ctx, interaction, page, {
        login,
        step: path,
        recovery: path === 'recovery',
      });
    });
  };

  router.use(refuseCrossSite(parts.issuer));

  router.get('/:uid', async (ctx) => {
    const interaction = await load(ctx);
    const { question } = interaction;
    if (question.kind === 'consent') {
      const { maskedEmail, locale } = await parts.describeAccount(question.accountId);
      preferLanguage(ctx, interaction.client.uiLocales, locale);
      return showConsent(ctx, interaction, question, tokens.issue(interaction.uid), maskedEmail);
    }
    const request = requestOf(interaction, question);
    const page = await signIn.look(request, visitorOf(ctx, devices));
    const recovery = ctx.query.use === 'recovery';
    if (page.kind === 'totp' && recovery && page.recoveryCodeAccepted) {
      const csrf = tokens.issue(interaction.uid);
      return showStep(ctx, { interaction, csrf, page, recovery });
    }
    return present(ctx, interaction, page, { login: question.loginHint });
  });

  step('login', (ctx, request, field) =>
    signIn.submitPassword(request, visitorOf(ctx, devices), {
      login: field('login').slice(0, 254),
      password: field('password'),
      puzzle: field('altcha') || undefined,
      patience: field('wait_token') || undefined,
    }),
  );
  step('code', (ctx, request, field) =>
    signIn.submitCode(request, visitorOf(ctx, devices), {
      code: field('code').slice(0, 32),
      remember: field('remember') === 'yes',
    }),
  );
  step('recovery', (ctx, request, field) =>
    signIn.submitRecoveryCode(request, visitorOf(ctx, devices), {
      code: field('recovery_code').slice(0, 64),
    }),
  );
  step('passkey', (ctx, request, field) =>
    signIn.submitPasskey(request, visitorOf(ctx, devices), { passkey: field('passkey') }),
  );
  router.post('/:uid/passkey-options', form, async (ctx) => {
    const interaction = await load(ctx);
    tokens.check(ctx, interaction.uid);
    const { question } = interaction;
    const options =
      question.kind === 'login'
        ? await signIn.passkeyRequest(requestOf(interaction, question))
        : undefined;
    // The script loads the page again, which tells what comes next.
    if (!options) return send(ctx, `/signin/${interaction.uid}`);
    ctx.body = options;
  });
  step('enrolment', (ctx, request, field) =>
    signIn.confirmEnrolment(request, visitorOf(ctx, devices), { code: field('code').slice(0, 32) }),
  );
  step('codes', async (ctx, request, field) => {
    if (field('saved') === 'yes') return signIn.acknowledgeCodes(request, visitorOf(ctx, devices));
    const page = await signIn.look(request, visitorOf(ctx, devices));
    return page.kind === 'show-recovery-codes' ? { ...page, problem: 'not-saved' } : page;
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
      payment: question.payment,
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
        payment: question.payment,
        origin: originOf(ctx),
      });
    }
    send(ctx, await interactions.answer(ctx.req, ctx.res, interaction, { kind: 'refused' }));
  });

  return router;
}
