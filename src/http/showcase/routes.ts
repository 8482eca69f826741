/**
 * The design page, in development only: every component, and every page in every state a person
 * can meet, in each language, theme and direction.
 */
import Router from '@koa/router';
import { AppError } from '../../kernel/errors.js';
import { isLanguage } from '../../kernel/language.js';
import { type AppContext, isLoopback, type RequestState } from '../context.js';
import { allowPasskeys, allowWorkers } from '../middleware/headers.js';
import { designPage } from '../views/design.js';
import type { PageProps } from '../views/render.js';

const HOME = '/dev/design';

/** Loaded when somebody asks: what it is made of has no business in a running shop. */
const loadStates = () => import('./states/index.js');

/** The router mounted at `/dev/design`. */
export function designRoutes(): Router<RequestState> {
  const router = new Router<RequestState>({ strict: true, sensitive: true });

  /** What was chosen on the page, as its addresses carry it. */
  const settingsOf = (ctx: AppContext): PageProps => {
    const { lang, theme, dir } = ctx.query;
    return {
      nonce: ctx.state.nonce,
      language: isLanguage(lang) ? lang : ctx.state.language,
      look: {
        ...(theme === 'light' || theme === 'dark' ? { theme } : {}),
        ...(dir === 'rtl' ? { direction: 'rtl' } : {}),
      },
    };
  };

  router.use(async (ctx, next) => {
    // It is this machine's business, also when the demo listens on a network.
    if (!isLoopback(ctx.state.ip)) throw new AppError('not_found');
    ctx.type = 'html';
    await next();
  });

  router.get(HOME, async (ctx) => {
    const settings = settingsOf(ctx);
    const query = new URLSearchParams({
      lang: settings.language ?? '',
      ...settings.look,
      ...(settings.look?.direction ? { dir: 'rtl' } : {}),
    });
    query.delete('direction');
    const { pageStates } = await loadStates();
    const names = Object.keys(await pageStates(settings));
    ctx.body = designPage({
      ...settings,
      today: new Date(),
      pages: names.map((name) => ({ name, href: `${HOME}/${name}?${query}` })),
    });
  });

  router.get(`${HOME}/:name`, async (ctx) => {
    const { pageStates } = await loadStates();
    const states = await pageStates({ ...settingsOf(ctx), here: ctx.url });
    const name = String(ctx.params.name);
    if (!Object.hasOwn(states, name)) throw new AppError('not_found');
    allowWorkers(ctx);
    allowPasskeys(ctx);
    ctx.body = states[name];
  });

  return router;
}
