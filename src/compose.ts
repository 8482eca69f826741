/**
 * The parts list, first half: every island bound to a database handle, every flow given what it
 * needs. With `compose-server.ts` and `compose-post.ts` the only files that see everything.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Config } from './config/index.js';
import { createAccess } from './domain/access/index.js';
import { createAudit } from './domain/audit/index.js';
import { createClaimMappings } from './domain/claims/index.js';
import { createClientRegistrations } from './domain/client-registrations/index.js';
import { createBrands, createClients } from './domain/clients/index.js';
import {
  createCredentials,
  createEmailCodes,
  createFactorResets,
  createOneTimeLinks,
  createPasskeys,
  createPasswordPolicy,
  createRecoveryCodes,
  createTotp,
  type PasswordHasher,
  type PasswordStrength,
} from './domain/credentials/index.js';
import { createApprovals, createGrants } from './domain/grants/index.js';
import {
  createEmailChanges,
  createEmailRequests,
  createIdentity,
} from './domain/identity/index.js';
import { createKeys } from './domain/keys/index.js';
import { createMail } from './domain/mail/index.js';
import { createRegistrations } from './domain/registrations/index.js';
import { createRisk, createUserCodeTries } from './domain/risk/index.js';
import { createAttempts } from './domain/signin/index.js';
import { createActForShopper } from './flows/act-for-shopper.js';
import { createAllowEmailCode } from './flows/allow-email-code.js';
import { createAllowSignUp } from './flows/allow-sign-up.js';
import { createAnswerConsent } from './flows/answer-consent.js';
import { createStoreDeviceCode } from './flows/answer-device.js';
import { createAuthorizeAdministrator } from './flows/authorize-administrator.js';
import { createBrandClient } from './flows/brand-client.js';
import { createChangeScopeDemand } from './flows/change-scope-demand.js';
import { createChangeAccountStatus, createChangeClientStatus } from './flows/change-status.js';
import { createRemoveClient } from './flows/client-registration/remove.js';
import {
  createIssueRegistrationToken,
  createRevokeRegistrationToken,
} from './flows/client-registration/tokens.js';
import { createConfigureClient } from './flows/configure-client.js';
import { createCreateAccount } from './flows/create-account.js';
import { createCreateResourceServer } from './flows/create-resource-server.js';
import type { Domain, FlowParts, Transact } from './flows/domain.js';
import { createEndReusedGrant } from './flows/end-reused-grant.js';
import { createEnsureAccountClient } from './flows/ensure-account-client.js';
import { createEnsureAdminScopes } from './flows/ensure-admin-scopes.js';
import { createEnsurePairwiseSecret } from './flows/ensure-pairwise-secret.js';
import { createGrantScopes } from './flows/grant-scopes.js';
import { createIssueClientSecret } from './flows/issue-client-secret.js';
import { createCarryOutResets } from './flows/lost-factor/carry-out.js';
import { createResetSecondFactor } from './flows/lost-factor/reset.js';
import { createStopReset } from './flows/lost-factor/stop.js';
import { createMapClaim, createUnmapClaim } from './flows/map-claim.js';
import { createCheckPosture } from './flows/posture/index.js';
import { createRegisterClient } from './flows/register-client.js';
import { createRevokeAccess } from './flows/revoke-access.js';
import { createRevokeSigningKeys } from './flows/revoke-signing-keys.js';
import {
  createEnsureSigningKeys,
  createRotateOnSchedule,
  createRotateSigningKeys,
} from './flows/rotate-signing-keys.js';
import { createSeedDemo } from './flows/seed-demo.js';
import { createUnlockAccount } from './flows/unlock-account.js';
import { type Clock, systemClock } from './kernel/clock.js';
import { createKeyring, type Keyring } from './kernel/keyring.js';
import type { Secret } from './kernel/secret.js';
import { type BreachedPasswords, createBreachedPasswords } from './platform/breached-passwords.js';
import { colours } from './platform/colours.js';
import type { Logger } from './platform/logger.js';
import { readMarkup } from './platform/markup.js';
import { openMilestones } from './platform/milestones.js';
import { oneTimeCodes } from './platform/one-time-codes.js';
import { startPasswordHasher } from './platform/password-hasher.js';
import { createPasswordStrength } from './platform/password-strength.js';
import { type Db, openPostgres } from './platform/postgres.js';
import { webAuthn } from './platform/webauthn.js';

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
  readonly passwords?: {
    readonly minLength: number;
    readonly breaches: BreachedPasswords | undefined;
  };
  readonly production: boolean;
};

/** Binds every island to `db`: closures only, so cheap enough for every transaction. */
export function buildDomain(db: Db, parts: DomainParts): Domain {
  const { clock, keyring, hasher, strength, passwords, production } = parts;
  return {
    identity: {
      ...createIdentity({ db, keyring }),
      ...createEmailRequests({ db, keyring }),
      ...createEmailChanges({ db, keyring }),
    },
    credentials: {
      ...createCredentials({ db, clock, hasher }),
      ...createPasswordPolicy({ db, hasher, strength, ...passwords }),
      ...createTotp({ db, clock, keyring, codes: oneTimeCodes }),
      ...createRecoveryCodes({ db, clock, keyring }),
      ...createOneTimeLinks({ db }),
      ...createFactorResets({ db }),
      ...createEmailCodes({ db, keyring }),
      ...createPasskeys({ db, clock, ceremonies: webAuthn }),
    },
    attempts: createAttempts({ db, keyring }),
    registrations: createRegistrations({ db, keyring }),
    risk: { ...createRisk({ db, clock, keyring }), ...createUserCodeTries({ db, keyring }) },
    clients: {
      ...createClients({ db, clock, production }),
      ...createBrands({ db, colours, readMarkup }),
    },
    clientRegistrations: createClientRegistrations({ db }),
    access: createAccess({ db }),
    claims: createClaimMappings({ db }),
    grants: { ...createGrants({ db, keyring }), ...createApprovals({ db, keyring }) },
    keys: createKeys({ db, clock, keyring }),
    audit: createAudit({ db, clock }),
    mail: createMail({ db, keyring }),
  };
}

/**
 * Domain and flows: what the command line needs, and what the server is built on. A command that
 * is `visiting` waits for its turn at a busy database, and starts no hashing it does not need.
 */
export function composeCore(
  config: Settled,
  log: Logger,
  { clock = systemClock, visiting = false }: { clock?: Clock; visiting?: boolean } = {},
) {
  const postgres = openPostgres({ url: config.databaseUrl, patient: visiting });
  const keyring = createKeyring(config.keyring.reveal());
  const hasher = startPasswordHasher({
    // The processes of one machine share its cores, so they share the hashing as well.
    concurrency: Math.floor(availableParallelism() / config.workers),
    // Nobody waits for a command over HTTP: it may well start the process on a busy machine.
    ...(visiting ? { onDemand: true, maxWaitMs: 30_000 } : {}),
    onRestart: (reason) => log.warn({ reason }, 'the hashing process was replaced'),
    onRefused: (reason) => log.error({ reason }, 'a stored password hash was refused'),
  });
  const strength = createPasswordStrength();
  const { minLength, breachedUrl } = config.passwords;
  const passwords = {
    minLength,
    breaches:
      breachedUrl === undefined
        ? undefined
        : createBreachedPasswords({
            fetch,
            url: breachedUrl,
            onFailure: (error) => log.warn({ err: error }, 'a password was let through unasked'),
          }),
  };
  const parts = { clock, keyring, hasher, strength, passwords, production: config.production };
  const domain = buildDomain(postgres.db, parts);
  const transact: Transact = (work) => postgres.transaction((tx) => work(buildDomain(tx, parts)));
  const given: FlowParts = { domain, transact };
  const milestones = openMilestones({ db: postgres.db, url: config.databaseUrl });
  const createAccount = createCreateAccount(given);
  const registerClient = createRegisterClient(given);
  const brandClient = createBrandClient(given);

  const flows = {
    answerConsent: createAnswerConsent(given),
    storeDeviceCode: createStoreDeviceCode(given),
    actForShopper: createActForShopper(given),
    revokeAccess: createRevokeAccess(given),
    unlockAccount: createUnlockAccount(given),
    resetSecondFactor: createResetSecondFactor({
      ...given,
      clock,
      waitHours: config.factorResetHours,
    }),
    stopReset: createStopReset({ ...given, clock }),
    carryOutResets: createCarryOutResets({
      ...given,
      clock,
      onError: (error) => log.error({ err: error }, 'a second factor could not be taken away'),
    }),
    changeAccountStatus: createChangeAccountStatus(given),
    changeClientStatus: createChangeClientStatus(given),
    authorizeAdministrator: createAuthorizeAdministrator(given),
    createAccount,
    registerClient,
    mapClaim: createMapClaim(given),
    unmapClaim: createUnmapClaim(given),
    configureClient: createConfigureClient(given),
    issueRegistrationToken: createIssueRegistrationToken({
      ...given,
      production: config.production,
    }),
    revokeRegistrationToken: createRevokeRegistrationToken(given),
    removeClient: createRemoveClient(given),
    brandClient,
    endReusedGrant: createEndReusedGrant({ ...given, clock }),
    allowSignUp: createAllowSignUp(given),
    allowEmailCode: createAllowEmailCode(given),
    grantScopes: createGrantScopes(given),
    issueClientSecret: createIssueClientSecret(given),
    createResourceServer: createCreateResourceServer(given),
    changeScopeDemand: createChangeScopeDemand(given),
    ensureSigningKeys: createEnsureSigningKeys(given),
    ensureAccountClient: createEnsureAccountClient(given),
    ensureAdminScopes: createEnsureAdminScopes(given),
    rotateSigningKeys: createRotateSigningKeys(given),
    checkPosture: createCheckPosture({
      domain,
      clock,
      settings: {
        ...config,
        redis: config.redisUrl !== undefined,
        passwordMinLength: minLength,
      },
    }),
    ensurePairwiseSecret: createEnsurePairwiseSecret({
      milestones,
      seal: (text) => keyring.seal('milestone', text, 'pairwise-secret'),
      open: (box) => keyring.open('milestone', box, 'pairwise-secret').toString('utf8'),
    }),
    rotateOnSchedule: createRotateOnSchedule({ ...given, days: config.keyRotationDays }),
    revokeSigningKeys: createRevokeSigningKeys(given),
    seedDemo: createSeedDemo({
      flows: given,
      createAccount,
      registerClient,
      brandClient,
      milestones,
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
