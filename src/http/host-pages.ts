/** The protocol host's pages, drawn by our views and in the language the request asked for. */
import type { Brand } from '../domain/clients/index.js';
import { wordsIn } from '../words/index.js';
import { lookOf } from './brand.js';
import type { AppContext } from './context.js';
import { pageOf, preferLanguage } from './language.js';
import { allowFormTarget } from './middleware/headers.js';
import { errorPage, signedOutPage, signOutPage } from './views.js';

type Parameters = Readonly<Record<string, unknown>>;

/** What the protocol host leaves on the context of a request, as far as pages want to know. */
export type HostContext = {
  readonly oidc?: {
    readonly params?: Parameters | undefined;
    readonly session?: { readonly state?: unknown } | undefined;
    readonly entities?: { readonly Interaction?: { readonly params?: Parameters } | undefined };
  };
};

/** Names of messages, by why somebody cannot go on. */
const FAULTS = {
  no_way_back: { title: 'errors.no-way-back', message: 'errors.no-way-back-what' },
  unknown_application: {
    title: 'errors.unknown-application',
    message: 'errors.unknown-application-what',
  },
  cancelled: { title: 'errors.cancelled', message: 'errors.cancelled-what' },
  unavailable: { title: 'errors.soon-back', message: 'errors.soon-back-what' },
  failed: { title: 'errors.internal', message: 'errors.internal-shop-what' },
  expired: { title: 'errors.expired', message: 'errors.expired-what' },
  not_acceptable: { title: 'errors.not-acceptable', message: 'errors.not-acceptable-what' },
} as const;

/**
 * The page of a request to the protocol host. `ui_locales` may have been pushed, or belong to an
 * authorization that goes on (OpenID Connect Core 3.1.2.1, RP-Initiated Logout section 2).
 */
export function hostPageOf(ctx: AppContext) {
  const { params, entities } = (ctx as unknown as HostContext).oidc ?? {};
  const wishes = [params?.ui_locales, entities?.Interaction?.params?.ui_locales];
  preferLanguage(ctx, ...wishes.filter((wish) => typeof wish === 'string'));
  return pageOf(ctx);
}

/** In the shape the protocol host asks for; it hands over its own context, which is also ours. */
export const hostPages = {
  error(host: object, { fault, error }: { fault: keyof typeof FAULTS; error: string }): string {
    const ctx = host as AppContext;
    const page = hostPageOf(ctx);
    const words = wordsIn(ctx.state.language);
    return errorPage({
      status: ctx.status,
      title: words.t(FAULTS[fault].title),
      message: words.t(FAULTS[fault].message),
      // Small print for the client's developers; the host has checked that it is no secret.
      requestId: `${ctx.state.requestId} (${error})`,
      ...page,
    });
  },

  signOut(
    host: object,
    page: {
      clientName: string | undefined;
      brand: Brand | undefined;
      formHtml: string;
      formId: string;
    },
  ): string {
    const ctx = host as AppContext;
    const state = (host as HostContext).oidc?.session?.state;
    const { postLogoutRedirectUri } = (state ?? {}) as { postLogoutRedirectUri?: string };
    if (postLogoutRedirectUri) allowFormTarget(ctx, postLogoutRedirectUri);
    return signOutPage({ ...page, look: lookOf(page.brand), ...hostPageOf(ctx) });
  },

  signedOut(
    host: object,
    page: { clientName: string | undefined; clientUri: string | undefined },
  ): string {
    return signedOutPage({ ...page, ...hostPageOf(host as AppContext) });
  },
};
