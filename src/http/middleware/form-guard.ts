/**
 * Forms only from our own pages (OWASP CSRF Prevention): the browser's word on where the request
 * came from, and a token that only the page of this interaction holds.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../kernel/errors.js';
import type { Secret } from '../../kernel/secret.js';
import type { AppContext, AppMiddleware } from '../context.js';

/** Refuses POSTs that another site's page sent. */
export function refuseCrossSite(issuer: string): AppMiddleware {
  return async (ctx, next) => {
    const site = ctx.get('Sec-Fetch-Site');
    const origin = ctx.get('Origin');
    // Our pages send no referrer, for which browsers answer with `Origin: null`: it says nothing,
    // unless Sec-Fetch-Site is there to say it.
    const foreignOrigin = origin !== '' && origin !== 'null' && origin !== issuer;
    const foreignSite = site !== '' && site !== 'same-origin' && site !== 'none';
    if (ctx.method === 'POST' && (foreignOrigin || foreignSite)) {
      throw new AppError('cross_site_form');
    }
    await next();
  };
}

export type FormTokens = {
  /** The token for the forms of one interaction, or of one browser's account pages. */
  issue(interactionUid: string): string;
  /** Throws `cross_site_form` unless the form carries the interaction's token. */
  check(ctx: AppContext, interactionUid: string): void;
};

/** Tokens are derived, not stored, and any cookie key still in use makes them valid. */
export function createFormTokens(cookieKeys: Secret<readonly string[]>): FormTokens {
  const keys = cookieKeys
    .reveal()
    .map((key) => new Uint8Array(hkdfSync('sha256', key, 'latchkey', 'form-token', 32)));
  const tokenUnder = (key: Uint8Array, uid: string) =>
    createHmac('sha256', key).update(`signin ${uid}`).digest();
  const [newest] = keys;
  if (!newest) throw new Error('Form tokens need a cookie key');

  return {
    issue: (uid) => tokenUnder(newest, uid).toString('base64url'),
    check(ctx, uid) {
      const presented = Buffer.from(formField(ctx, 'csrf') ?? '', 'base64url');
      const genuine = keys.some((key) => {
        const expected = tokenUnder(key, uid);
        return presented.length === expected.length && timingSafeEqual(presented, expected);
      });
      if (!genuine) throw new AppError('cross_site_form');
    },
  };
}

/** One text field of a parsed form; a field sent twice is as good as missing. */
export function formField(ctx: AppContext, name: string): string | undefined {
  const body = ctx.request.body as Record<string, unknown> | undefined;
  const value = body && Object.hasOwn(body, name) ? body[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
