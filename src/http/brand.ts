/**
 * Clients' logos, from our own origin: a picture fetched from elsewhere would tell its server who
 * signs in when. The address is the hash of the content, so it can be kept for ever and names
 * nobody's client. A picture opened by itself is a document of this origin, next to the sign-in
 * pages: so it goes out under a policy under which it runs nothing, loads nothing and, sandboxed,
 * has no origin at all (CSP level 3, section 6.3.2).
 */
import Router from '@koa/router';
import type { Brand } from '../domain/clients/index.js';
import type { InteractionClient } from '../oidc/interactions.js';
import type { RequestState } from './context.js';
import type { ClientBrand } from './views.js';

export type BrandParts = {
  readonly findLogo: (
    sha256: string,
  ) => Promise<{ readonly type: string; readonly bytes: Uint8Array } | undefined>;
};

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/** What pages show of a brand. */
export function lookOf(brand: Brand | undefined): Pick<ClientBrand, 'logo' | 'palette'> {
  const { logo, palette } = brand ?? {};
  return {
    logo: logo && { href: `/brand/${logo.sha256}`, width: logo.width, height: logo.height },
    palette,
  };
}

/** What the pages around a log-in show of a client. */
export function brandOf(client: InteractionClient): ClientBrand {
  const { name, policyUri, tosUri, brand } = client;
  return { name, policyUri, tosUri, ...lookOf(brand) };
}

export function brandRoutes(parts: BrandParts): Router<RequestState> {
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  router.get('/brand/:sha256', async (ctx) => {
    const sha256 = String(ctx.params.sha256);
    const logo = /^[0-9a-f]{64}$/.test(sha256) ? await parts.findLogo(sha256) : undefined;
    if (!logo) return;
    ctx.set('Content-Security-Policy', POLICY);
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.set('ETag', `"${sha256}"`);
    ctx.set('Content-Type', logo.type === 'image/png' ? logo.type : 'image/svg+xml; charset=utf-8');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    ctx.body = Buffer.from(logo.bytes);
  });
  return router;
}
