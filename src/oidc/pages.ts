/**
 * The pages oidc-provider would otherwise draw itself, with fonts from elsewhere: errors, the
 * log-out question and its answer. What they look like and say is the caller's business.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Brand } from '../domain/clients/index.js';
import { factsOf, type HostClient } from './clients.js';

/** Why somebody cannot go on, as far as it makes a difference to them. */
export type HostFault =
  | 'no_way_back'
  | 'unknown_application'
  | 'cancelled'
  | 'unavailable'
  | 'failed'
  | 'expired'
  | 'not_acceptable';

/** The drawing, handed in by whoever owns the views. */
export type PageRenderer = {
  error(ctx: KoaContextWithOIDC, page: { fault: HostFault; error: string }): string;
  signOut(
    ctx: KoaContextWithOIDC,
    page: {
      clientName: string | undefined;
      brand: Brand | undefined;
      formHtml: string;
      formId: string;
    },
  ): string;
  signedOut(
    ctx: KoaContextWithOIDC,
    page: { clientName: string | undefined; clientUri: string | undefined },
  ): string;
};

export type HostPages = {
  error(
    ctx: KoaContextWithOIDC,
    out: { error: string; error_description?: string | undefined },
  ): void;
  signOut(ctx: KoaContextWithOIDC, form: string): void;
  signedOut(ctx: KoaContextWithOIDC): void;
};

// People read this; the client's developers find the code itself in `error`.
const FAULTS: ReadonlyMap<string, HostFault> = new Map([
  ['invalid_redirect_uri', 'no_way_back'],
  ['invalid_client', 'unknown_application'],
  ['access_denied', 'cancelled'],
  ['temporarily_unavailable', 'unavailable'],
  ['server_error', 'failed'],
]);

export function createHostPages(render: PageRenderer): HostPages {
  const nameOf = (client: HostClient | undefined) => client && factsOf(client).client.name;
  return {
    error(ctx, out) {
      const expired =
        /session (not found|id cookie)|authorization request has expired|logout details/;
      const fault =
        FAULTS.get(out.error) ??
        (out.error === 'invalid_request' && expired.test(out.error_description ?? '')
          ? 'expired'
          : 'not_acceptable');
      const detail = out.error_description ? `${out.error}: ${out.error_description}` : out.error;
      ctx.type = 'html';
      ctx.body = render.error(ctx, { fault, error: detail });
    },
    signOut(ctx, form) {
      ctx.type = 'html';
      ctx.body = render.signOut(ctx, {
        clientName: nameOf(ctx.oidc.client),
        brand: ctx.oidc.client && factsOf(ctx.oidc.client).brand,
        formHtml: form,
        formId: 'op.logoutForm',
      });
    },
    signedOut(ctx) {
      ctx.type = 'html';
      const { client } = ctx.oidc;
      ctx.body = render.signedOut(ctx, {
        clientName: nameOf(client),
        clientUri: (client && factsOf(client).client.clientUri) ?? undefined,
      });
    },
  };
}
