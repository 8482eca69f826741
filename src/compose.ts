/**
 * The parts list: every island bound to a database handle, every flow given what it needs, every
 * surface given its flows. The only file that sees everything.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config } from './config/index.js';
import { createAccess } from './domain/access/index.js';
import { createAudit } from './domain/audit/index.js';
import { createClients } from './domain/clients/index.js';
import {
  createCredentials,
  createPasswordPolicy,
  createRecoveryCodes,
  createTotp,
  type PasswordHasher,
  type PasswordStrength,
} from './domain/credentials/index.js';
import { createGrants } from './domain/grants/index.js';
import { createIdentity, maskEmail } from './domain/identity/index.js';
import { createKeys } from './domain/keys/index.js';
import { createMail } from './domain/mail/index.js';
import { createRisk } from './domain/risk/index.js';
import { createAttempts } from './domain/signin/index.js';
import { createAnswerConsent } from './flows/answer-consent.js';
import { createAuthorizeAdministrator } from './flows/authorize-administrator.js';
import { createChangeAccountStatus, createChangeClientStatus } from './flows/change-status.js';
import { createCreateAccount } from './flows/create-account.js';
import { createCreateResourceServer } from './flows/create-resource-server.js';
import { type DemoSecrets, demoPeople } from './flows/demo-shop.js';
import type { Domain, FlowParts, Transact } from './flows/domain.js';
import { createIssueClientSecret } from './flows/issue-client-secret.js';
import { createRecordTokenReuse } from './flows/record-token-reuse.js';
import { createRegisterClient } from './flows/register-client.js';
import { createRevokeAccess } from './flows/revoke-access.js';
import { createEnsureSigningKeys, createRotateSigningKeys } from './flows/rotate-signing-keys.js';
import { createSeedDemo } from './flows/seed-demo.js';
import { createSendLetter } from './flows/send-letter.js';
import { createSignIn } from './flows/sign-in/index.js';
import { createUnlockAccount } from './flows/unlock-account.js';
import { createApp } from './http/app.js';
import type { AppContext } from './http/context.js';
import { createDeviceCookie } from './http/device-cookie.js';
import { createFormTokens } from './http/middleware/form-guard.js';
import { allowFormTarget } from './http/middleware/headers.js';
import { errorPage, signedOutPage, signOutPage } from './http/views.js';
import { createLetterWriter } from './jobs/letters.js';
import { startPurge } from './jobs/purge.js';
import { createTasks } from './jobs/queue.js';
import { type Clock, systemClock } from './kernel/clock.js';
import { createKeyring, type Keyring } from './kernel/keyring.js';
import type { Secret } from './kernel/secret.js';
import { createDirectory } from './oidc/directory.js';
import { createHost } from './oidc/host.js';
import { createInteractions } from './oidc/interactions.js';
import { createHostPages, type PageRenderer } from './oidc/pages.js';
import { createBotChallenge } from './platform/challenge.js';
import { startChangeFeed } from './platform/change-feed.js';
import { startJobQueue } from './platform/job-queue.js';
import { printLetter } from './platform/letter-press.js';
import type { Logger } from './platform/logger.js';
import { openMailbox } from './platform/mailbox.js';
import { createSmtpMailer } from './platform/mailer.js';
import { createMetrics } from './platform/metrics.js';
import { openMilestones } from './platform/milestones.js';
import { createNetworkLimits } from './platform/network-limits.js';
import { oneTimeCodes } from './platform/one-time-codes.js';
import { startPasswordHasher } from './platform/password-hasher.js';
import { createPasswordStrength } from './platform/password-strength.js';
import { type Db, openPostgres } from './platform/postgres.js';
import { otpauthQr } from './platform/qr.js';
import { openRedis } from './platform/redis.js';

export const migrationsDirectory = fileURLToPath(new URL('../prisma/migrations', import.meta.url));

/** Configuration with everything that could be generated in place. */
export type Settled = Omit<Config, 'databaseUrl' | 'keyring' | 'cookieKeys'> & {
  readonly databaseUrl: Secret;
  readonly keyring: NonNullable<Config['keyring']>;
  readonly cookieKeys: NonNullable<Config['cookieKeys']>;
};

type DomainParts = {
  readonly clock: Clock;
  readonly keyring: Keyring;
  readonly hasher: PasswordHasher;
  readonly strength: PasswordStrength;
  readonly production: boolean;
};

/** Binds every island to `db`: closures only, so cheap enough for every transaction. */
export function buildDomain(db: Db, parts: DomainParts): Domain {
  const { clock, keyring, hasher, strength, production } = parts;
  return {
    identity: createIdentity({ db, keyring }),
    credentials: {
      ...createCredentials({ db, clock, hasher }),
      ...createPasswordPolicy({ db, hasher, strength }),
      ...createTotp({ db, clock, keyring, codes: oneTimeCodes }),
      ...createRecoveryCodes({ db, clock, keyring }),
    },
    attempts: createAttempts({ db, keyring }),
    risk: createRisk({ db, clock, keyring }),
    clients: createClients({ db, clock, production }),
    access: createAccess({ db }),
    grants: createGrants({ db, keyring }),
    keys: createKeys({ db, clock, keyring }),
    audit: createAudit({ db, clock }),
    mail: createMail({ db, keyring }),
  };
}

/** Domain and flows: what the command line needs, and what the server is built on. */
export function composeCore(config: Settled, log: Logger, clock: Clock = systemClock) {
  const postgres = openPostgres({ url: config.databaseUrl });
  const keyring = createKeyring(config.keyring.reveal());
  const hasher = startPasswordHasher({
    // The processes of one machine share its cores, so they share the hashing as well.
    concurrency: Math.floor(availableParallelism() / config.workers),
    onRestart: (reason) => log.warn({ reason }, 'the hashing process was replaced'),
    onRefused: (reason) => log.error({ reason }, 'a stored password hash was refused'),
  });
  // Whoever hashes sees the failure; start-up asks `ready` itself.
  hasher.ready().catch(() => undefined);
  const strength = createPasswordStrength();
  const parts = { clock, keyring, hasher, strength, production: config.production };
  const domain = buildDomain(postgres.db, parts);
  const transact: Transact = (work) => postgres.transaction((tx) => work(buildDomain(tx, parts)));
  const given: FlowParts = { domain, transact };
  const createAccount = createCreateAccount(given);
  const registerClient = createRegisterClient(given);

  const flows = {
    answerConsent: createAnswerConsent(given),
    revokeAccess: createRevokeAccess(given),
    unlockAccount: createUnlockAccount(given),
    changeAccountStatus: createChangeAccountStatus(given),
    changeClientStatus: createChangeClientStatus(given),
    authorizeAdministrator: createAuthorizeAdministrator(given),
    createAccount,
    registerClient,
    recordTokenReuse: createRecordTokenReuse(given),
    issueClientSecret: createIssueClientSecret(given),
    createResourceServer: createCreateResourceServer(given),
    ensureSigningKeys: createEnsureSigningKeys(given),
    rotateSigningKeys: createRotateSigningKeys(given),
    seedDemo: createSeedDemo({
      flows: given,
      createAccount,
      registerClient,
      milestones: openMilestones({ db: postgres.db, url: config.databaseUrl }),
      seal: (text) => keyring.seal('milestone', text, 'demo-seed'),
      open: (box) => keyring.open('milestone', box, 'demo-seed').toString('utf8'),
    }),
  };
  return {
    postgres,
    domain,
    transact,
    keyring,
    flows,
    clock,
    hasherReady: () => hasher.ready(),
    async close() {
      await Promise.all([hasher.close(), postgres.close()]);
    },
  };
}

export type Core = ReturnType<typeof composeCore>;

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
  const directory = createDirectory({
    clients: domain.clients,
    access: domain.access,
    changes,
    clock,
  });
  const host = await createHost({
    issuer: config.issuer,
    cookieKeys: config.cookieKeys,
    grants: domain.grants,
    identity: domain.identity,
    directory,
    pages: createHostPages(pages),
    keys: domain.keys,
    changes,
    clock,
    events: {
      onServerError: (error) => log.error({ err: error }, 'the protocol host failed'),
      onTokenReuse({ requestContext, ...seen }) {
        const { ip, requestId } = stateOf(requestContext);
        flows.recordTokenReuse({ ...seen, origin: { ip, requestId } }).catch((error: unknown) => {
          log.error({ err: error, requestId }, 'a token reuse could not be recorded');
        });
      },
      onReloadFailed: (error) => log.error({ err: error }, 'signing keys could not be reloaded'),
    },
  });
  const metrics = createMetrics();
  const limits = createNetworkLimits({
    enabled: config.rateLimits,
    keyring: core.keyring,
    clock,
    redis: redis?.client,
    shared: domain.risk.sharedCounters,
    onStandIn: (store, error) => log.warn({ store, err: error }, 'a limit is counted elsewhere'),
  });
  const signIn = createSignIn({
    domain,
    transact: core.transact,
    clock,
    networks: limits,
    challenges: createBotChallenge({ keys: config.cookieKeys, clock }),
    challengeMode: config.botChallenge,
    drawQr: otpauthQr,
  });
  const post = composePost(config, core, log);
  const purge = startPurge({
    purges: [domain.grants.purgeExpired, domain.risk.purgeRisk, domain.attempts.deleteExpired],
    onError: (error) => log.error({ err: error }, 'what has expired could not be purged'),
  });

  const app = createApp({
    issuer: config.issuer,
    trustedProxies: config.trustedProxies,
    cookieKeys: config.cookieKeys.reveal(),
    protocolHost: (ctx, next) => host.handle(ctx, next),
    clientAuthFailures: limits.clientAuthFailures,
    signIn: {
      issuer: config.issuer,
      interactions: createInteractions(host, directory),
      signIn,
      answerConsent: flows.answerConsent,
      async describeAccount(accountId) {
        const person = await domain.identity.findPerson(accountId);
        return person?.email ? maskEmail(person.email) : '';
      },
      tokens: createFormTokens(config.cookieKeys),
      devices: createDeviceCookie(config.issuer),
    },
    admin: { issuer: config.issuer, ...flows },
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
      log[error.row.log]({ requestId, code: error.code, err: error.cause ?? error }, error.message);
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

/** The way of a letter from the queue to its reader. */
function composePost(config: Settled, { domain, postgres, clock, keyring }: Core, log: Logger) {
  const { issuer, smtpUrl: url, mailFrom: from } = config;
  const smtp = url && createSmtpMailer({ url, from });
  const mailbox = openMailbox({ db: postgres.db, keyring, clock });
  const tasks = createTasks({
    mail: domain.mail,
    sendLetter: createSendLetter({
      identity: domain.identity,
      mailer: smtp ?? mailbox,
      render: createLetterWriter({ print: printLetter, issuer }),
    }),
    onLetter: (seen) => log.info(seen, 'a letter left the queue'),
  });
  const queue = startJobQueue({ url: config.databaseUrl, tasks, log });
  return {
    mailbox,
    async close() {
      await queue.close();
      smtp?.close();
    },
  };
}

export type Server = Awaited<ReturnType<typeof composeServer>>;

const stateOf = (ctx: object) => (ctx as AppContext).state;

/** The protocol host's pages, drawn by our views. */
const pages: PageRenderer = {
  error: (ctx, { title, message, error }) =>
    errorPage({
      status: ctx.status,
      title,
      message,
      // Small print for the client's developers; the host has checked that it is no secret.
      requestId: `${stateOf(ctx).requestId} (${error})`,
      nonce: stateOf(ctx).nonce,
    }),
  signOut(ctx, page) {
    const state = ctx.oidc.session?.state as { postLogoutRedirectUri?: string } | undefined;
    if (state?.postLogoutRedirectUri) {
      allowFormTarget(ctx as unknown as AppContext, state.postLogoutRedirectUri);
    }
    return signOutPage({ ...page, nonce: stateOf(ctx).nonce });
  },
  signedOut: (ctx, page) => signedOutPage({ ...page, nonce: stateOf(ctx).nonce }),
};

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
