/** The front door: what this is and where things are; in development also the demo log-ins. */
import Router from '@koa/router';
import type { RequestState } from './context.js';
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
    ctx.type = 'html';
    ctx.body = homePage({
      issuer: parts.issuer,
      development: parts.demo !== undefined,
      storefrontUrl: parts.demo?.storefrontUrl,
      logins: parts.demo?.logins,
      nonce: ctx.state.nonce,
    });
  });
  return router;
}
