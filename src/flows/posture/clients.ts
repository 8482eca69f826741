/** What is to be said of one registered client. Pure. */
import { ADMIN_AUDIENCE, type ClientRights } from '../../domain/access/index.js';
import {
  type Client,
  type ClientMetadata,
  type ClientWithSecrets,
  needsProofKey,
  tokenBinding,
} from '../../domain/clients/index.js';
import { type Finding, note, warning } from './findings.js';

const DAY_MS = 24 * 3600 * 1000;
const OLD_SECRET_DAYS = 365;
const EXPIRES_SOON_DAYS = 30;
/** The grace of refresh tokens that a client has without asking for one. */
const USUAL_GRACE_SECONDS = 10;

export function clientFindings(
  client: ClientWithSecrets,
  rights: ClientRights,
  now: Date,
): Finding[] {
  if (client.status !== 'active') return [];
  return [
    ...profileFindings(client),
    ...authFindings(client),
    ...secretFindings(client, now),
    ...rightsFindings(client, rights),
  ];
}

/** Clients that registered themselves: nobody has looked at what they call themselves. */
export function selfRegisteredFindings(clients: readonly Client[]): Finding[] {
  const active = clients.filter(({ status }) => status === 'active');
  if (active.length === 0) return [];
  const legacy = active.filter(({ profile }) => profile === 'legacy').map(({ id }) => id);
  const which = legacy.length > 0 ? `; of the legacy profile: ${legacy.join(', ')}` : '';
  const says = `clients that registered themselves: ${active.length}${which}`;
  return [note('self-registered', 'LATCHKEY_REGISTRATION', says)];
}

function profileFindings(client: ClientWithSecrets): Finding[] {
  const found: Finding[] = [];
  if (!needsProofKey(client)) {
    found.push(
      warning('legacy-profile', client.id, 'does without PKCE: a stolen code can be injected'),
    );
  }
  if (client.grantTypes.length > 0 && tokenBinding(client) === undefined) {
    found.push(
      note('bearer-tokens', client.id, 'gets bearer tokens, which are of use to whoever has them'),
    );
  }
  for (const [name, alg] of Object.entries({
    id_token_signed_response_alg: client.idTokenAlg,
    ...(client.metadata as ClientMetadata),
  })) {
    if (alg === 'RS256') found.push(note('rs256', client.id, `is answered with RS256 (${name})`));
  }
  if ((client.refreshGraceSeconds ?? 0) > USUAL_GRACE_SECONDS) {
    found.push(
      note(
        'long-grace',
        client.id,
        `takes a used refresh token for ${client.refreshGraceSeconds} more seconds`,
      ),
    );
  }
  return found;
}

function authFindings(client: ClientWithSecrets): Finding[] {
  const found: Finding[] = [];
  if (client.authMethod === 'client_secret_post') {
    found.push(warning('secret-in-form', client.id, 'sends its secret in the body of requests'));
  }
  for (const uri of client.redirectUris) {
    if (uri.startsWith('http:') && client.applicationType !== 'native') {
      found.push(warning('http-redirect', client.id, `is sent codes over http: ${uri}`));
    }
  }
  return found;
}

function secretFindings(client: ClientWithSecrets, now: Date): Finding[] {
  return client.secrets.flatMap(({ id, createdAt, expiresAt }) => {
    const found: Finding[] = [];
    const age = Math.floor((now.getTime() - createdAt.getTime()) / DAY_MS);
    if (expiresAt !== null && expiresAt <= now) return found;
    if (age >= OLD_SECRET_DAYS) {
      found.push(warning('old-secret', client.id, `has had the secret ${id} for ${age} days`));
    }
    if (expiresAt !== null && expiresAt.getTime() - now.getTime() < EXPIRES_SOON_DAYS * DAY_MS) {
      const day = expiresAt.toISOString().slice(0, 10);
      found.push(warning('secret-expires', client.id, `loses the secret ${id} on ${day}`));
    }
    return found;
  });
}

function rightsFindings(client: ClientWithSecrets, rights: ClientRights): Finding[] {
  const scopes = rights.grants.get(ADMIN_AUDIENCE);
  if (client.firstParty || !scopes || scopes.size === 0) return [];
  const names = [...scopes].sort().join(' ');
  return [warning('foreign-administrator', client.id, `is not ours and may ask for ${names}`)];
}
