/** The outside of the server, as the order in which a request meets its parts. */
import Koa from 'koa';
import type { CertificateSource } from '../kernel/client-certificate.js';
import { AppError } from '../kernel/errors.js';
import { type AccountParts, accountRoutes } from './account/routes.js';
import { answerOtherOrigins } from './account-api/cors.js';
import { type AccountApiParts, accountApiRoutes } from './account-api/routes.js';
import { type AdminParts, adminRoutes } from './admin/api.js';
import { serveAssets } from './assets.js';
import { type BrandParts, brandRoutes } from './brand.js';
import {
  type ClientRegistrationParts,
  clientRegistrationRoutes,
} from './client-registration/routes.js';
import type { AppMiddleware, RequestState } from './context.js';
import { type EmailCodeParts, emailCodeRoutes } from './email-code.js';
import { type HealthParts, healthRoutes } from './health.js';
import { type HomeParts, homeRoutes } from './home.js';
import { createInProcessFetch } from './in-process.js';
import { chooseLanguage, languageRoutes } from './language.js';
import { type LostFactorParts, lostFactorRoutes } from './lost-factor.js';
import { type MailboxParts, mailboxRoutes } from './mailbox.js';
import type { ClientAuthFailures } from './middleware/client-auth-limit.js';
import { type ErrorObserver, mapErrors } from './middleware/errors.js';
import { securityHeaders } from './middleware/headers.js';
import { limitBodies } from './middleware/limits.js';
import { pinOrigin } from './middleware/origin.js';
import { observeRequests, type RequestObserver } from './middleware/requests.js';
import { protocolRoutes } from './protocol.js';
import { type RecoveryParts, recoveryRoutes } from './recovery.js';
import { type RegistrationParts, registrationRoutes } from './registration.js';
import { registrationLinkRoutes } from './registration-link.js';
import { type RestoreEmailParts, restoreEmailRoutes } from './restore-email.js';
import { designRoutes } from './showcase/routes.js';
import { type SignInParts, signInRoutes } from './signin.js';
import { setAsideRequest } from './verify/gateway-request.js';
import { type VerifyParts, verifyRoute } from './verify/route.js';

export type AppParts = {
  readonly issuer: string;
  readonly trustedProxies: readonly string[];
  /** Where client certificates come from, and a second origin for them. */
  readonly mutualTls: CertificateSource & { readonly origin: string | undefined };
  /** The provider's own cookie keys: it reads signed what we write (and the other way round). */
  readonly cookieKeys: readonly string[];
  readonly protocolHost: AppMiddleware;
  readonly jwksMaxAge: () => number;
  readonly clientAuthFailures: ClientAuthFailures;
  readonly brand: BrandParts;
  readonly signIn: SignInParts;
  readonly recovery: RecoveryParts;
  readonly lostFactor: LostFactorParts;
  readonly registration: RegistrationParts;
  readonly emailCode: EmailCodeParts;
  readonly restoreEmail: RestoreEmailParts;
  readonly account: AccountParts;
  readonly accountApi: AccountApiParts;
  readonly admin: AdminParts;
  readonly verify: VerifyParts;
  /** Undefined where clients cannot register themselves. */
  readonly clientRegistration: ClientRegistrationParts | undefined;
  /** Whether the authorization endpoint takes forms as well. */
  readonly postedAuthorization: boolean;
  readonly health: HealthParts;
  readonly home: HomeParts;
  /** Undefined where nobody may read other people's letters: everywhere but in development. */
  readonly mailbox: MailboxParts | undefined;
  readonly onRequest: RequestObserver;
  readonly onError: ErrorObserver;
};

export function createApp(parts: AppParts): Koa<RequestState> {
  const app = new Koa<RequestState>();
  app.keys = [...parts.cookieKeys];
  // The forwarding headers are our own by the time anything reads them (see `pinOrigin`).
  app.proxy = true;
  // Every error has been mapped already; what is left is a response that broke off.
  app.on('error', () => undefined);

  app.use(observeRequests(parts.onRequest));
  app.use(securityHeaders(parts.issuer));
  app.use(chooseLanguage(parts.issuer));
  app.use(mapErrors(parts.onError));
  app.use(limitBodies());
  app.use(setAsideRequest);
  app.use(pinOrigin(parts.issuer, parts.trustedProxies, parts.mutualTls));
  app.use(noteRoute);
  app.use(answerOtherOrigins(parts.accountApi.isCallingOrigin));
  app.use(serveAssets());
  app.use(verifyRoute(parts.verify));
  app.use(refuseOtherMethods);
  for (const router of [
    healthRoutes(parts.health),
    homeRoutes(parts.home),
    languageRoutes(parts.issuer),
    brandRoutes(parts.brand),
    signInRoutes(parts.signIn),
    registrationRoutes(parts.registration),
    registrationLinkRoutes(parts.registration),
    lostFactorRoutes(parts.lostFactor),
    emailCodeRoutes(parts.emailCode),
    recoveryRoutes(parts.recovery),
    restoreEmailRoutes(parts.restoreEmail),
    accountRoutes(
      parts.account,
      createInProcessFetch(() => app.callback()),
    ),
    accountApiRoutes(parts.accountApi),
    adminRoutes(parts.admin),
    ...(parts.clientRegistration ? [clientRegistrationRoutes(parts.clientRegistration)] : []),
    ...(parts.mailbox ? [mailboxRoutes(parts.mailbox), designRoutes()] : []),
  ]) {
    app.use(router.routes());
    app.use(router.allowedMethods());
  }
  app.use(
    protocolRoutes(
      parts.issuer,
      parts.protocolHost,
      parts.clientAuthFailures,
      parts.jwksMaxAge,
      parts.postedAuthorization,
    ),
  );
  return app;
}

/** What the routers say about a method that an address does not have, as an error of ours. */
const refuseOtherMethods: AppMiddleware = async (ctx, next) => {
  await next();
  if ((ctx.status === 405 || ctx.status === 501) && !ctx.body) {
    throw new AppError('method_not_allowed');
  }
};

/** Remembers the template of the route that matched, for logs and metrics. */
const noteRoute: AppMiddleware = async (ctx, next) => {
  try {
    await next();
  } finally {
    const matched = (ctx as { _matchedRoute?: unknown })._matchedRoute;
    if (typeof matched === 'string') ctx.state.route = matched;
  }
};
