/** The parts list, protocol host: oidc-provider and what it asks of the domain and the pages. */
import type { Core, Settled } from './compose.js';
import { maskEmail } from './domain/identity/index.js';
import { createAskForApproval } from './flows/approvals/ask.js';
import { REGISTRATION_PATH } from './http/client-registration/routes.js';
import { type AppContext, originOf } from './http/context.js';
import { createDeviceRenderer } from './http/device-pages.js';
import { hostPages } from './http/host-pages.js';
import { createStoreRequest } from './oidc/backchannel.js';
import { createDevicePages } from './oidc/device-pages.js';
import { type ChangeSource, createDirectory } from './oidc/directory.js';
import { createHost } from './oidc/host.js';
import { createHostPages } from './oidc/pages.js';
import { createPairwiseSubject } from './oidc/pairwise.js';
import { readAuthorities } from './platform/certificate-authorities.js';
import type { Logger } from './platform/logger.js';
import { createOutboundFetch } from './platform/outbound.js';

export async function composeHost(
  config: Settled,
  core: Core,
  { log, changes }: { log: Logger; changes: ChangeSource },
) {
  const { domain, flows, clock } = core;
  const mutualTls = mutualTlsOf(config);
  const directory = createDirectory({
    clients: domain.clients,
    access: domain.access,
    changes,
    clock,
  });
  const outgoingTo = (allow: readonly string[]) =>
    createOutboundFetch({
      allow,
      onFault: ({ reason, message }) => log.warn({ reason }, `a call went unanswered: ${message}`),
    });
  const pairwiseSubject = createPairwiseSubject(await flows.ensurePairwiseSecret());
  const registrationEndpoint =
    config.registration === 'token' ? config.issuer + REGISTRATION_PATH : undefined;
  const describeAccount = async (accountId: string) => {
    const person = await domain.identity.findPerson(accountId);
    return {
      maskedEmail: person?.email ? maskEmail(person.email) : '',
      locale: person?.profile.locale,
    };
  };
  const pages = createHostPages(hostPages);
  const host = await createHost({
    issuer: config.issuer,
    cookieKeys: config.cookieKeys,
    grants: domain.grants,
    identity: domain.identity,
    access: domain.access,
    claims: domain.claims,
    pairwiseSubject,
    directory,
    mutualTls,
    outgoing: outgoingTo(config.outboundAllow),
    // The operator's own machine, where there is nothing to protect from its developer.
    outgoingForStrangers: outgoingTo(config.production ? [] : ['localhost']),
    keyring: core.keyring,
    registrationEndpoint,
    pages,
    storeRequest: createStoreRequest(createAskForApproval(core), (ctx) =>
      originOf(ctx as AppContext),
    ),
    devicePages: createDevicePages(directory, createDeviceRenderer({ describeAccount }), pages),
    devices: {
      tries: config.rateLimits ? domain.risk : undefined,
      answer: (code, request) =>
        flows.storeDeviceCode(code, {
          accountId: request?.oidc.session?.accountId,
          origin: request ? originOf(request as unknown as AppContext) : {},
        }),
    },
    keys: domain.keys,
    changes,
    clock,
    actForShopper({ requestContext, ...input }) {
      const { ip, requestId } = stateOf(requestContext);
      return flows.actForShopper({ ...input, origin: { ip, requestId } });
    },
    events: {
      onServerError: (error) => log.error({ err: error }, 'the protocol host failed'),
      onTokenReuse({ requestContext, ...seen }) {
        const { ip, requestId } = stateOf(requestContext);
        return flows.endReusedGrant({ ...seen, origin: { ip, requestId } });
      },
      onReloadFailed: (error) => log.error({ err: error }, 'signing keys could not be reloaded'),
    },
  });
  return { directory, host, pairwiseSubject, registrationEndpoint, describeAccount, mutualTls };
}

/** What the protocol host is told of client certificates; nothing where there are none. */
function mutualTlsOf({ mutualTls: { mode, caFile, origin } }: Settled) {
  return mode === 'off' ? undefined : { authorities: readAuthorities(caFile), origin };
}

const stateOf = (ctx: object) => (ctx as AppContext).state;
