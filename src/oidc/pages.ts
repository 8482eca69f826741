/**
 * The pages oidc-provider would otherwise draw itself, with fonts from elsewhere: errors, the
 * log-out question and its answer. What they look like is the caller's business.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Brand } from '../domain/clients/index.js';
import { factsOf, type HostClient } from './clients.js';

/** The drawing, handed in by whoever owns the views. */
export type PageRenderer = {
  error(ctx: KoaContextWithOIDC, page: { title: string; message: string; error: string }): string;
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

// What people read instead of a code. The client's developers find the code in `error`.
const WORDS: Readonly<Record<string, { title: string; message: string }>> = {
  invalid_redirect_uri: {
    title: 'This link does not lead back to the shop',
    message:
      'The shop sent us an address to return to that it has not registered. Nothing happened to your account; please tell the shop.',
  },
  invalid_client: {
    title: 'We do not know this application',
    message: 'The application that sent you here is not registered, or is switched off.',
  },
  access_denied: {
    title: 'The sign-in was cancelled',
    message: 'You can close this page or go back to the shop.',
  },
  temporarily_unavailable: {
    title: 'We will be back in a moment',
    message: 'The sign-in cannot reach its database just now. Please try again in a few seconds.',
  },
  server_error: {
    title: 'Something went wrong on our side',
    message: 'Nothing happened to your account. Please go back to the shop and try again.',
  },
};

const EXPIRED = {
  title: 'This sign-in has expired',
  message:
    'Too much time has passed, or it was finished already. Please go back to the shop and start again.',
};

const INVALID = {
  title: 'This sign-in request is not valid',
  message: 'The shop sent you here with a request we cannot accept. Please go back and try again.',
};

export function createHostPages(render: PageRenderer): HostPages {
  const nameOf = (client: HostClient | undefined) => client && factsOf(client).client.name;
  return {
    error(ctx, out) {
      const expired =
        /session (not found|id cookie)|authorization request has expired|logout details/;
      const words =
        WORDS[out.error] ??
        (out.error === 'invalid_request' && expired.test(out.error_description ?? '')
          ? EXPIRED
          : INVALID);
      const detail = out.error_description ? `${out.error}: ${out.error_description}` : out.error;
      ctx.type = 'html';
      ctx.body = render.error(ctx, { ...words, error: detail });
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
