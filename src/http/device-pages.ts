/**
 * The protocol host's pages for devices (RFC 8628 section 3.3), drawn by our views. Approving
 * somebody else's device is the attack here: its code arrives in a message, and whoever sent it
 * is signed in with the reader's account. So the page before the yes names what asks, shows the
 * code to compare, and says what a code from a stranger means.
 */
import { ACCOUNT_AUDIENCE } from '../domain/access/index.js';
import type { Language } from '../kernel/language.js';
import type { InteractionClient } from '../oidc/interactions.js';
import { wordsIn } from '../words/index.js';
import { brandOf } from './brand.js';
import type { AppContext } from './context.js';
import { hostPageOf } from './host-pages.js';
import { preferLanguage } from './language.js';
import { minuteAfter } from './views/when.js';
import {
  type ConsentIdentity,
  type ConsentResource,
  deviceConfirmPage,
  deviceDeniedPage,
  deviceDonePage,
  deviceEnterPage,
  deviceStalePage,
  errorPage,
  identityLabel,
  type UserCodeProblem,
} from './views.js';

/** Where people type the code; also in the protocol host's routes. */
export const DEVICE = '/device';

type Asked = {
  readonly identity: readonly string[];
  readonly resources: readonly (ConsentResource & { readonly indicator: string })[];
};

export function createDeviceRenderer(parts: {
  /** For "signed in as": the e-mail address masked, and the language its owner speaks. */
  readonly describeAccount: (
    accountId: string,
  ) => Promise<{ readonly maskedEmail: string; readonly locale: Language | undefined }>;
}) {
  /** A page that answers a form has an address that leads nowhere: the first one takes its place. */
  const frame = (host: object) => ({ ...hostPageOf(host as AppContext), here: DEVICE });

  return {
    enter(host: object, page: { xsrf: string; problem: UserCodeProblem | undefined }): string {
      return deviceEnterPage({ ...page, action: DEVICE, ...frame(host) });
    },

    async confirm(
      host: object,
      page: {
        client: InteractionClient;
        userCode: string;
        xsrf: string;
        accountId: string | undefined;
        asked: Asked;
        uiLocales: string | undefined;
      },
    ): Promise<string> {
      const { client, userCode, xsrf, accountId, asked } = page;
      const account = accountId ? await parts.describeAccount(accountId) : undefined;
      preferLanguage(host as AppContext, page.uiLocales, account?.locale);
      return deviceConfirmPage({
        client: brandOf(client),
        action: DEVICE,
        xsrf,
        userCode,
        signedInAs: account?.maskedEmail,
        identity: asked.identity
          .filter((scope) => scope !== 'offline_access')
          .map((scope): ConsentIdentity => ({ scope, labelKey: identityLabel(scope) })),
        resources: asked.resources.map((resource) => ({
          ...resource,
          account: resource.indicator === ACCOUNT_AUDIENCE,
        })),
        offline: asked.identity.includes('offline_access'),
        ...frame(host),
        here: undefined,
      });
    },

    done(host: object, { client }: { client: InteractionClient }): string {
      const accountHref = '/account/applications';
      return deviceDonePage({
        client: brandOf(client),
        accountHref,
        ...frame(host),
        here: undefined,
      });
    },

    denied: (host: object): string => deviceDeniedPage({ againHref: DEVICE, ...frame(host) }),

    stale: (host: object): string => deviceStalePage({ againHref: DEVICE, ...frame(host) }),

    limited(host: object, { retryAfterSeconds }: { retryAfterSeconds: number }): string {
      const ctx = host as AppContext;
      const page = frame(host);
      const { t } = wordsIn(ctx.state.language);
      return errorPage({
        status: 429,
        title: t('device.limited-title'),
        message: t('device.limited-until', { at: minuteAfter(retryAfterSeconds) }),
        requestId: ctx.state.requestId,
        ...page,
      });
    },
  };
}
