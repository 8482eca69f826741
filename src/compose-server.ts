/** The parts list, second half: the protocol host, pages and admin API on top of a core. */
import type { Core, Settled } from './compose.js';
import { composeOwnAccount } from './compose-account.js';
import { composeHost } from './compose-host.js';
import { composePost } from './compose-post.js';
import { createIdentifyCaller } from './flows/account/caller.js';
import { createVisit } from './flows/account/owner.js';
import { createUndoEmailChange } from './flows/account/undo-email-change.js';
import { createIsCallingOrigin } from './flows/account/web-origins.js';
import { createStoreApprovalAnswer } from './flows/approvals/answer.js';
import { createManageRegistration } from './flows/client-registration/manage.js';
import { createRegisterItself } from './flows/client-registration/register.js';
import { type DemoSecrets, demoPeople } from './flows/demo-shop.js';
import { createEnterEmailCode } from './flows/email-code/enter.js';
import { createRequestEmailCode } from './flows/email-code/request.js';
import { ACCOUNT_CLIENT } from './flows/ensure-account-client.js';
import { createRequestRecovery } from './flows/recovery/request.js';
import { createResetPassword } from './flows/recovery/reset.js';
import { createCompleteRegistration } from './flows/registration/complete.js';
import { createRequestRegistration } from './flows/registration/request.js';
import { createSignIn } from './flows/sign-in/index.js';
import { createVerifyAccess } from './flows/verify-access.js';
import { createApp } from './http/app.js';
import { createDeviceCookie } from './http/device-cookie.js';
import { createFormTokens } from './http/middleware/form-guard.js';
import { startPurge } from './jobs/purge.js';
import { createFindAccountToken, createFindCallerToken } from './oidc/account-tokens.js';
import { createManageApprovals } from './oidc/approvals.js';
import { createDeliverPing } from './oidc/backchannel.js';
import { createClientCheck } from './oidc/client-check.js';
import { createInteractions } from './oidc/interactions.js';
import { createDeliverLogout } from './oidc/logout-notices.js';
import { createFindGateway, createFindLivingToken } from './oidc/verification.js';
import { createBotChallenge } from './platform/challenge.js';
import { startChangeFeed } from './platform/change-feed.js';
import type { Logger } from './platform/logger.js';
import { createMetrics } from './platform/metrics.js';
import { createNetworkLimits } from './platform/network-limits.js';
import { otpauthQr } from './platform/qr.js';
import { openRedis } from './platform/redis.js';

/** The whole server on top of a core: protocol host, pages, admin API. */
export async function composeServer(
  config: Settled,
  core: Core,
  parts: { log: Logger; demo: DemoSecrets | undefined; accepting: () => boolean },
) {
  const { log } = parts;
  const { domain, flows, clock } = core;
  const changes = startChangeFeed({ url: config.databaseUrl });
  const redis = config.redisUrl ? openRedis({ url: config.redisUrl }) : undefined;
  const { directory, host, pairwiseSubject, registrationEndpoint, describeAccount, mutualTls } =
    await composeHost(config, core, { log, changes });
  const metrics = createMetrics();
  const limits = createNetworkLimits({
    enabled: config.rateLimits,
    keyring: core.keyring,
    clock,
    redis: redis?.client,
    shared: domain.risk.sharedCounters,
    onStandIn: (store, error) => log.warn({ store, err: error }, 'a limit is counted elsewhere'),
  });
  const owned = { domain, transact: core.transact, clock };
  const guarded = {
    ...owned,
    networks: limits,
    challenges: createBotChallenge({ keys: config.cookieKeys, clock }),
    challengeMode: config.botChallenge,
  };
  const registering = {
    ...owned,
    checkByHost: createClientCheck(host, mutualTls),
    production: config.production,
    uriOf: (clientId: string) => `${registrationEndpoint}/${clientId}`,
  };
  const { minLength } = config.passwords;
  const { origin, hostname, host: name } = new URL(config.issuer);
  const relyingParty = { id: hostname, origin, name };
  const signIn = createSignIn({ ...guarded, drawQr: otpauthQr, relyingParty });
  const interactions = createInteractions(host, directory);
  const tokens = createFormTokens(config.cookieKeys);
  const devices = createDeviceCookie(config.issuer);
  const deliverLogout = createDeliverLogout(host);
  const post = composePost(config, core, {
    log,
    metrics,
    deliverLogout,
    deliverPing: createDeliverPing(host),
  });
  // One way of doing each of these, on the pages and through the API.
  const ownAccount = composeOwnAccount(config, core, {
    letters: limits.letterRequests,
    relyingParty,
  });
  const purge = startPurge({
    purges: [
      domain.grants.purgeExpired,
      domain.grants.purgeApprovals,
      domain.risk.purgeRisk,
      domain.attempts.deleteExpired,
      domain.credentials.purgeLinks,
      domain.credentials.purgeEmailCodes,
      domain.credentials.purgePasskeyChallenges,
      domain.registrations.purgeRegistrations,
      domain.identity.purgeEmailRequests,
      domain.identity.purgeEmailChanges,
      flows.carryOutResets,
      flows.rotateOnSchedule,
      domain.keys.destroyRetired,
    ],
    onError: (error) => log.error({ err: error }, 'what has expired could not be purged'),
  });

  const app = createApp({
    issuer: config.issuer,
    trustedProxies: config.trustedProxies,
    mutualTls: config.mutualTls,
    cookieKeys: config.cookieKeys.reveal(),
    protocolHost: (ctx, next) => host.handle(ctx, next),
    jwksMaxAge: () => host.jwksMaxAge(),
    postedAuthorization: config.postedAuthorization,
    clientAuthFailures: limits.clientAuthFailures,
    verify: {
      verifyAccess: createVerifyAccess({
        findGateway: createFindGateway(host),
        findToken: createFindLivingToken(host, {
          keyring: core.keyring,
          grants: domain.grants,
          pairwiseSubject,
          clock,
        }),
        clock,
      }),
      failures: limits.clientAuthFailures,
    },
    brand: { findLogo: domain.clients.findLogo },
    signIn: {
      issuer: config.issuer,
      interactions,
      signIn,
      answerConsent: flows.answerConsent,
      describeAccount,
      tokens,
      devices,
    },
    recovery: {
      issuer: config.issuer,
      interactions,
      request: createRequestRecovery({ ...guarded, letters: limits.letterRequests }),
      reset: createResetPassword(owned),
      minLength,
      tokens,
      devices,
    },
    lostFactor: { issuer: config.issuer, stopReset: flows.stopReset, tokens },
    registration: {
      issuer: config.issuer,
      interactions,
      request: createRequestRegistration({ ...guarded, letters: limits.letterRequests }),
      complete: createCompleteRegistration({
        ...guarded,
        drawQr: otpauthQr,
        relyingParty,
      }),
      minLength,
      tokens,
      devices,
    },
    emailCode: {
      issuer: config.issuer,
      interactions,
      request: createRequestEmailCode({ ...guarded, letters: limits.letterRequests }),
      enter: createEnterEmailCode({ ...guarded, drawQr: otpauthQr, relyingParty }),
      tokens,
      devices,
    },
    restoreEmail: {
      issuer: config.issuer,
      undo: createUndoEmailChange(owned),
      tokens,
      devices,
    },
    account: {
      issuer: config.issuer,
      keyring: core.keyring,
      clock,
      minLength,
      tokens,
      devices,
      isOpen: async () => (await domain.clients.find(ACCOUNT_CLIENT))?.status === 'active',
      manageApprovals: createManageApprovals({
        host,
        directory,
        grants: domain.grants,
        store: createStoreApprovalAnswer(core),
        clock,
        onUnusable: (error, clientId) =>
          log.warn({ err: error, clientId }, 'a request for an approval cannot be shown'),
      }),
      visit: createVisit({ domain, findToken: createFindAccountToken(host, ACCOUNT_CLIENT) }),
      ...ownAccount,
    },
    accountApi: {
      issuer: config.issuer,
      clock,
      identifyCaller: createIdentifyCaller({
        domain,
        findToken: createFindCallerToken(host, clock),
      }),
      isCallingOrigin: createIsCallingOrigin({ domain }),
      ...ownAccount,
    },
    admin: { issuer: config.issuer, listKeys: () => domain.keys.list(), ...flows },
    clientRegistration: registrationEndpoint
      ? {
          register: createRegisterItself(registering),
          manage: createManageRegistration(registering),
          failures: limits.clientAuthFailures,
        }
      : undefined,
    health: {
      accepting: parts.accepting,
      database: () => core.postgres.ping(),
      redis: redis && (() => redis.ping()),
    },
    home: { issuer: config.issuer, demo: parts.demo && demoLogins(parts.demo) },
    mailbox: config.showMailbox ? post.mailbox : undefined,
    onRequest(seen) {
      metrics.request(seen);
      log.info(
        { ...seen, seconds: undefined, ms: Math.round(seen.seconds * 10_000) / 10 },
        'request',
      );
    },
    onError(error, requestId) {
      log[error.row.log](
        { requestId, errorCode: error.code, err: error.cause ?? error },
        error.message,
      );
    },
  });

  return {
    app,
    metrics,
    async close() {
      host.close();
      await Promise.all([changes.close(), redis?.close(), post.close(), purge.close()]);
    },
  };
}

export type Server = Awaited<ReturnType<typeof composeServer>>;

function demoLogins({ passwords }: DemoSecrets) {
  return {
    storefrontUrl: 'http://localhost:4000/',
    logins: Object.entries(demoPeople)
      .filter(([, person]) => person.accountKind === 'shopper')
      .map(([key, person]) => ({
        label: person.profile.name ?? key,
        login: person.email,
        password: passwords[key] ?? '',
      })),
  };
}
