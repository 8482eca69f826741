/**
 * Ways beside the log-in page, within one sign-in: for newcomers, and for a code by e-mail. Each
 * is there only while the interaction asks for a log-in and its client offers it.
 */
import Router from '@koa/router';
import { AppError } from '../kernel/errors.js';
import type { Interaction, InteractionClient, Interactions } from '../oidc/interactions.js';
import { wordsIn } from '../words/index.js';
import type { AppContext, RequestState } from './context.js';
import { readForm } from './form-body.js';
import { pageOf, preferLanguage } from './language.js';
import { type FormTokens, refuseCrossSite } from './middleware/form-guard.js';
import { allowFormTarget } from './middleware/headers.js';
import { minuteAfter } from './views/when.js';
import { errorPage } from './views.js';

type LoginQuestion = Extract<Interaction['question'], { kind: 'login' }>;

/** The sign-in that a request belongs to. */
export type Here = { readonly interaction: Interaction; readonly question: LoginQuestion };
type Work = (ctx: AppContext, here: Here) => Promise<void> | void;

/** Goes on to another page. 303: the browser must not send the secret along (RFC 9700 4.12). */
export function sendOn(ctx: AppContext, location: string): void {
  ctx.status = 303;
  ctx.redirect(location);
}

/** @param path of the way, below the interaction's own: `register` */
export function createSideWay(
  parts: {
    readonly issuer: string;
    readonly interactions: Interactions;
    readonly tokens: FormTokens;
  },
  path: string,
  isOffered: (client: InteractionClient) => boolean,
) {
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  const base = `/signin/:uid/${path}`;
  router.use(base, refuseCrossSite(parts.issuer));

  const within =
    (work: Work) =>
    async (ctx: AppContext): Promise<void> => {
      const interaction = await parts.interactions.get(ctx.req, ctx.res, String(ctx.params.uid));
      if (!isOffered(interaction.client)) throw new AppError('not_found');
      allowFormTarget(ctx, interaction.redirectUri);
      preferLanguage(ctx, interaction.client.uiLocales);
      if (ctx.method === 'POST') parts.tokens.check(ctx, interaction.uid);
      const { question } = interaction;
      if (question.kind !== 'login') return sendOn(ctx, `/signin/${interaction.uid}`);
      ctx.type = 'html';
      await work(ctx, { interaction, question });
    };

  return {
    router,
    /** A page and its form; `step` is the rest of the address, empty for the first one. */
    at(step: string, work: { readonly get: Work; readonly post: Work }): void {
      router.get(base + step, within(work.get));
      router.post(base + step, readForm(), within(work.post));
    },
  };
}

/** The page for a network that has asked for too many letters. */
export function showLettersLimited(
  ctx: AppContext,
  retryAfterSeconds: number,
  backHref: string | undefined,
): void {
  const { t } = wordsIn(ctx.state.language);
  ctx.status = 429;
  ctx.set('Retry-After', String(retryAfterSeconds));
  ctx.type = 'html';
  ctx.body = errorPage({
    status: 429,
    title: t('page.letters-limited'),
    message: t('page.letters-limited-until', { at: minuteAfter(retryAfterSeconds) }),
    requestId: ctx.state.requestId,
    backHref,
    ...pageOf(ctx),
  });
}
