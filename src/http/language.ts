/**
 * Which language a page speaks: what somebody chose at the foot of a page, else what the shop
 * asked for (`ui_locales`), else the person's profile, else what the browser says.
 */
import Router from '@koa/router';
import { DEFAULT_LANGUAGE, isLanguage, type Language, matchLanguage } from '../kernel/language.js';
import type { AppContext, AppMiddleware, RequestState } from './context.js';
import { readForm } from './form-body.js';
import { localPath } from './links.js';
import { formField, refuseCrossSite } from './middleware/form-guard.js';
import type { PageProps } from './views/render.js';

const YEAR = 365 * 86_400_000;

const cookieName = (issuer: string) =>
  issuer.startsWith('https:') ? '__Host-latchkey_language' : 'latchkey_language';

/**
 * Gives a request its language, from what the browser sends along. Worked out when it is first
 * asked for: tokens are introspected far more often than pages are drawn.
 */
export function chooseLanguage(issuer: string): AppMiddleware {
  const cookie = cookieName(issuer);
  return async (ctx, next) => {
    let known: { language: Language; chosen: boolean } | undefined;
    const look = () => {
      if (known) return known;
      const chosen = ctx.cookies.get(cookie, { signed: false });
      known = isLanguage(chosen)
        ? { language: chosen, chosen: true }
        : { language: wished(ctx), chosen: false };
      return known;
    };
    Object.defineProperties(ctx.state, {
      language: {
        get: () => look().language,
        set: (language: Language) => {
          known = { ...look(), language };
        },
      },
      languageChosen: { get: () => look().chosen },
    });
    await next();
  };
}

const wished = (ctx: AppContext): Language =>
  matchLanguage(String(ctx.query.ui_locales ?? '')) ??
  matchLanguage(ctx.acceptsLanguages().join(' ')) ??
  DEFAULT_LANGUAGE;

/**
 * Follows the wish of a shop (`ui_locales`) or of a profile, unless the person has chosen
 * otherwise in this browser. Several wishes: the first that can be met.
 */
export function preferLanguage(ctx: AppContext, ...wishes: readonly (string | undefined)[]): void {
  if (ctx.state.languageChosen) return;
  for (const wish of wishes) {
    const language = matchLanguage(wish);
    if (language) {
      ctx.state.language = language;
      return;
    }
  }
}

/**
 * What every page is drawn with. `here`: the page's own address, to which the choice of another
 * language leads back; a page that answers a form has none unless it is told.
 */
export function pageOf(ctx: AppContext, here?: string): PageProps {
  const { nonce, language } = ctx.state;
  const own = ctx.method === 'GET' && !ctx.path.startsWith('/oauth2/') ? addressOf(ctx) : undefined;
  return { nonce, language, here: localPath(here ?? own) };
}

/** A page's own address. A query that is not plainly ours is somebody else's text: it stays out. */
const addressOf = ({ path, querystring }: AppContext): string =>
  /^[\w=&.-]+$/.test(querystring) ? `${path}?${querystring}` : path;

/** The form at the foot of every page. */
export function languageRoutes(issuer: string): Router<RequestState> {
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.use(refuseCrossSite(issuer));
  router.post('/language', readForm(), (ctx) => {
    const language = formField(ctx, 'language');
    if (isLanguage(language)) rememberLanguage(ctx, issuer, language);
    ctx.status = 303;
    ctx.redirect(localPath(formField(ctx, 'return_to')) ?? '/');
  });
  return router;
}

/**
 * Takes the place of what was chosen at the foot of a page in this browser, if anything was, when
 * somebody says in their profile what they want to read everywhere.
 */
export function followLanguage(
  ctx: AppContext,
  issuer: string,
  language: string | undefined,
): void {
  if (!ctx.state.languageChosen) return;
  if (isLanguage(language)) rememberLanguage(ctx, issuer, language);
  else ctx.cookies.set(cookieName(issuer), null, { signed: false, path: '/', overwrite: true });
}

/** A year, for this browser; no secret, so it needs no signature. */
export function rememberLanguage(ctx: AppContext, issuer: string, language: Language): void {
  ctx.cookies.set(cookieName(issuer), language, {
    signed: false,
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    secure: issuer.startsWith('https:'),
    maxAge: YEAR,
    overwrite: true,
  });
}
