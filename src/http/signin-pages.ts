/** From the step a sign-in is at to the page, its status and its forms' addresses. */
import { ACCOUNT_AUDIENCE } from '../domain/access/index.js';
import type { Ask, SignInPage } from '../flows/sign-in/index.js';
import { AppError } from '../kernel/errors.js';
import type { Interaction } from '../oidc/interactions.js';
import { brandOf } from './brand.js';
import type { AppContext } from './context.js';
import { emailCodePath } from './email-code-cookie.js';
import { pageOf } from './language.js';
import { allowPasskeys, allowWorkers } from './middleware/headers.js';
import { recoveryPath } from './recovery-cookie.js';
import { registerPath } from './registration-cookie.js';
import { minuteAfter } from './views/when.js';
import {
  codePage,
  consentPage,
  endedPage,
  enrolPage,
  identityLabel,
  lockedPage,
  passkeyPage,
  recoveryCodePage,
  recoveryCodesPage,
  type SignInChallenge,
  signInPage,
} from './views.js';

type Shown = {
  readonly interaction: Interaction;
  readonly csrf: string;
  readonly page: Exclude<SignInPage, { kind: 'signed-in' | 'unreachable' }>;
  readonly login?: string | undefined;
  /** Which form led here, if one did. */
  readonly step?: string | undefined;
  /** Ask for a recovery code instead of one from the app. */
  readonly recovery?: boolean;
};

/** The check against robots, as the page takes it. */
export function challengeFor(ask: Ask | undefined): { challenge?: SignInChallenge } {
  if (!ask) return {};
  const { puzzle: challengeJson, patience: waitToken, patienceSeconds: waitSeconds } = ask;
  return { challenge: { kind: 'puzzle', challengeJson, waitToken, waitSeconds } };
}

/** Draws the page of a step. A refusal is 422, a lock 429; a page that is simply next is 200. */
export function showStep(ctx: AppContext, shown: Shown): void {
  const { interaction, csrf, page } = shown;
  const base = `/signin/${interaction.uid}`;
  const frame = {
    client: brandOf(interaction.client),
    csrf,
    cancelAction: `${base}/cancel`,
    ...pageOf(ctx, base),
  };
  const passkey = { action: `${base}/passkey`, options: `${base}/passkey-options`, page: base };
  ctx.type = 'html';
  if ('problem' in page && page.problem) ctx.status = 422;

  switch (page.kind) {
    case 'password': {
      if (page.ask) allowWorkers(ctx);
      allowPasskeys(ctx);
      if (page.problem === 'overloaded') {
        ctx.status = 503;
        ctx.set('Retry-After', String(new AppError('overloaded').row.retryAfterSeconds ?? 2));
      }
      ctx.body = signInPage({
        ...frame,
        action: `${base}/login`,
        login: shown.login,
        problem: page.problem,
        passkey,
        recoveryHref: recoveryPath(interaction.uid),
        emailCodeHref: interaction.client.emailCode ? emailCodePath(interaction.uid) : undefined,
        registerHref: interaction.client.signUp ? registerPath(interaction.uid) : undefined,
        ...challengeFor(page.ask),
      });
      return;
    }
    case 'locked': {
      ctx.status = 429;
      ctx.set('Retry-After', String(page.retryAfterSeconds));
      ctx.body = lockedPage({
        ...frame,
        retryAfterSeconds: page.retryAfterSeconds,
        opensAt: minuteAfter(page.retryAfterSeconds),
        // A new password opens the lock of wrong passwords, not the one of wrong codes.
        recoveryHref: shown.step === 'login' ? recoveryPath(interaction.uid) : undefined,
        requestId: ctx.state.requestId,
      });
      return;
    }
    case 'ended':
      // The address was good and never will be again (RFC 9110 section 15.5.11).
      ctx.status = 410;
      ctx.body = endedPage(frame);
      return;
    case 'totp':
      if (page.passkeyAccepted) allowPasskeys(ctx);
      ctx.body = shown.recovery
        ? recoveryCodePage({
            ...frame,
            action: `${base}/recovery`,
            codeAction: base,
            // A passkey is refused on the page that offers it.
            problem: page.problem === 'passkey' ? undefined : page.problem,
          })
        : codePage({
            ...frame,
            action: `${base}/code`,
            recoveryAction: page.recoveryCodeAccepted ? `${base}?use=recovery` : undefined,
            rememberable: page.rememberable,
            problem: page.problem,
            passkey: page.passkeyAccepted ? passkey : undefined,
          });
      return;
    case 'passkey':
      allowPasskeys(ctx);
      ctx.body = passkeyPage({ ...frame, passkey, problem: page.problem });
      return;
    case 'enrol-totp':
      ctx.body = enrolPage({
        ...frame,
        action: `${base}/enrolment`,
        qrSvg: page.qrSvg,
        secret: page.secret,
        otpauthUri: page.otpauthUri,
        accountName: page.accountName,
        required: page.required,
        problem: page.problem,
      });
      return;
    case 'show-recovery-codes':
      ctx.body = recoveryCodesPage({
        ...frame,
        action: `${base}/codes`,
        codes: page.codes,
        problem: page.problem,
      });
  }
}

/** The consent page of an interaction that asks for one. */
export function showConsent(
  ctx: AppContext,
  interaction: Interaction,
  question: Extract<Interaction['question'], { kind: 'consent' }>,
  csrf: string,
  signedInAs: string,
): void {
  const base = `/signin/${interaction.uid}`;
  ctx.type = 'html';
  ctx.body = consentPage({
    client: brandOf(interaction.client),
    redirectHost: hostOf(interaction.redirectUri),
    action: `${base}/consent`,
    cancelAction: `${base}/cancel`,
    csrf,
    accountHref: '/account/applications',
    signedInAs,
    identity: question.identity
      .filter((scope) => scope !== 'offline_access')
      .map((scope) => ({ scope, labelKey: identityLabel(scope) })),
    resources: question.resources.map((resource) => ({
      ...resource,
      account: resource.indicator === ACCOUNT_AUDIENCE,
    })),
    offline: question.identity.includes('offline_access'),
    payment: question.payment,
    ...pageOf(ctx),
  });
}

function hostOf(uri: string | undefined): string {
  if (uri === undefined) return '';
  try {
    const url = new URL(uri);
    return url.host || url.protocol.slice(0, -1);
  } catch {
    return '';
  }
}
