/** The front door: what this is and where things are; in development also the demo log-ins. */
import Router from '@koa/router';
import { isLoopback, type RequestState } from './context.js';
import { pageOf } from './language.js';
import { type DemoLogin, homePage } from './views.js';

export type HomeParts = {
  readonly issuer: string;
  /** Undefined outside the demo: then nothing but the public addresses is shown. */
  readonly demo:
    | { readonly storefrontUrl: string; readonly logins: readonly DemoLogin[] }
    | undefined;
};

export function homeRoutes(parts: HomeParts): Router<RequestState> {
  const router = new Router<RequestState>();
  router.get('/', (ctx) => {
    // The demo log-ins are this machine's business, also when the demo listens on a network.
    const demo = isLoopback(ctx.state.ip) ? parts.demo : undefined;
    ctx.type = 'html';
    ctx.body = homePage({
      issuer: parts.issuer,
      development: demo !== undefined,
      storefrontUrl: demo?.storefrontUrl,
      logins: demo?.logins,
      ...pageOf(ctx),
    });
  });
  return router;
}
