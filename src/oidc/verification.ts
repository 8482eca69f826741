/**
 * What a gateway needs of the host: to prove itself as the client it is, and to have a token
 * judged, opaque or signed, by the rules of introspection.
 */
import type Provider from 'oidc-provider';
import type { FindGateway, FindLivingToken, LivingToken, Proof } from '../flows/verify-access.js';
import type { Clock } from '../kernel/clock.js';
import { readingOnce } from './adapter.js';
import { factsOf } from './clients.js';
import { provesPossession } from './dpop-proof.js';
import { guarded } from './errors.js';
import type { Host } from './host.js';
import { findAccessToken, findGrantOf } from './living-tokens.js';
import { type PairwiseSubject, subjectOf } from './pairwise.js';
import { readSignedToken, type SignedTokenParts } from './signed-tokens.js';

/** Clients that have a secret and send it in a header; the names of others prove nothing. */
export function createFindGateway(host: Pick<Host, 'current'>): FindGateway {
  return async ({ clientId, secret }) => {
    const client = await guarded(() => host.current().Client.find(clientId));
    if (client?.clientAuthMethod !== 'client_secret_basic') return undefined;
    if (!(await client.compareClientSecret(secret))) return undefined;
    return { clientId: client.clientId, audiences: factsOf(client).rights.audiences };
  };
}

type Parts = SignedTokenParts & {
  readonly pairwiseSubject: PairwiseSubject;
  readonly clock: Clock;
};

export function createFindLivingToken(host: Pick<Host, 'current'>, parts: Parts): FindLivingToken {
  return (value) => {
    const provider = host.current();
    return readingOnce(async () =>
      isSigned(value) ? signed(provider, parts, value) : opaque(provider, parts, value),
    );
  };
}

/** Three parts with dots between them; an opaque one has none. */
const isSigned = (value: string): boolean => value.split('.').length === 3;

/** What every kind of token says, in the words of introspection. */
type Told = {
  readonly clientId: string;
  readonly subject: string | undefined;
  readonly audience: unknown;
  readonly scope: unknown;
  readonly expiresAt: number;
  readonly extra: Readonly<Record<string, unknown>>;
  /** Authorization details, under the name that the host keeps them by. */
  readonly rar: unknown;
  readonly jkt: string | undefined;
  readonly certificate: string | undefined;
};

async function opaque(
  provider: Provider,
  parts: Parts,
  value: string,
): Promise<LivingToken | undefined> {
  const at = { provider, clock: parts.clock };
  const token = await findAccessToken(provider, value);
  if (!token) {
    const machine = await guarded(() => provider.ClientCredentials.find(value));
    if (!machine?.isValid || !machine.clientId) return undefined;
    return describe(at, value, {
      clientId: machine.clientId,
      subject: undefined,
      audience: machine.aud,
      scope: machine.scope,
      expiresAt: machine.exp ?? 0,
      extra: (machine.extra ?? {}) as Record<string, unknown>,
      rar: undefined,
      jkt: machine.jkt,
      certificate: machine['x5t#S256'],
    });
  }
  const { clientId } = token;
  if (!clientId || !(await findGrantOf(provider, token))) return undefined;
  const client = await guarded(() => provider.Client.find(clientId));
  if (!client) return undefined;
  return describe(at, value, {
    clientId,
    // The name by which this client knows the person, as introspection says it.
    subject: subjectOf(client, token.accountId, parts.pairwiseSubject),
    audience: token.aud,
    scope: token.scope,
    expiresAt: token.exp ?? 0,
    extra: (token.extra ?? {}) as Record<string, unknown>,
    rar: token.rar,
    jkt: token.jkt,
    certificate: token['x5t#S256'],
  });
}

async function signed(
  provider: Provider,
  parts: Parts,
  value: string,
): Promise<LivingToken | undefined> {
  const claims = await readSignedToken(provider, parts, value);
  if (!claims) return undefined;
  const { client_id: clientId, sub, aud, scope, exp, cnf } = claims;
  const bound = (cnf ?? {}) as { readonly jkt?: string; readonly 'x5t#S256'?: string };
  return describe({ provider, clock: parts.clock }, value, {
    clientId,
    subject: sub === clientId ? undefined : sub,
    audience: aud,
    scope,
    expiresAt: exp ?? 0,
    extra: claims,
    rar: claims.authorization_details,
    jkt: bound.jkt,
    certificate: bound['x5t#S256'],
  });
}

function describe(
  at: { readonly provider: Provider; readonly clock: Clock },
  value: string,
  told: Told,
): LivingToken {
  const { clientId, jkt, certificate, extra } = told;
  const { acr, amr, auth_time: authTime, act } = extra;
  return {
    clientId,
    subject: told.subject,
    audience: typeof told.audience === 'string' ? told.audience : undefined,
    scopes: new Set(typeof told.scope === 'string' ? told.scope.split(' ') : []),
    expiresAt: told.expiresAt,
    acr: typeof acr === 'string' ? acr : undefined,
    amr: Array.isArray(amr) ? amr.filter((method) => typeof method === 'string') : [],
    authTime: typeof authTime === 'number' ? authTime : undefined,
    act,
    authorizationDetails: Array.isArray(told.rar) ? told.rar : [],
    boundTo: jkt ? 'key' : certificate ? 'certificate' : 'nothing',
    certificate,
    provenBy: (proof: Proof) => provesPossession(at, { clientId, value, jkt }, proof),
  };
}
