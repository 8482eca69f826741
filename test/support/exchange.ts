/** Token exchange as services and help desks ask for it, one request at a time. */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { ownerAt } from './account.js';
import {
  ADMIN,
  type Answer,
  authorizeUrl,
  basic,
  type Fields,
  ORDERS,
  post,
  postToNode,
  redemption,
  wire,
} from './protocol.js';
import type { TestServer } from './server.js';
import { demoClient, openBrowser } from './shopper.js';
import type { People, Person } from './sign-in.js';

export const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const TYPE = 'urn:ietf:params:oauth:token-type:';
export const ACCESS = `${TYPE}access_token`;
export const ACCOUNT_ID = 'urn:latchkey:params:oauth:token-type:account-id';
export const DESK_CALLBACK = 'http://localhost:4002/callback';
export const ACT = 'shoppers:act-for';

export type Secretive = { client_id: string; client_secret: string };

/** Asks the token endpoint as a client, in the words given. */
export function exchange(
  server: Pick<TestServer, 'issuer'>,
  client: Secretive,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const asked = { grant_type: EXCHANGE, ...fields };
  return post(server, '/oauth2/token', asked, { authorization: basic(client), ...headers });
}

/** What went wrong, without the words. */
export const faultOf = ({ status, json }: Answer) => ({ status, error: json.error });

/** An API and a client that speaks for it, made without the command line's start-up each time. */
export async function addApi(
  { transact }: Pick<People, 'transact'>,
  api: {
    indicator: string;
    scopes: readonly { name: string; requiredAcr?: string; maxAgeSeconds?: number }[];
    speaker?: string;
    ttl?: number;
  },
): Promise<Secretive> {
  return transact(async ({ access, clients }) => {
    const server = await access.createResourceServer({
      indicator: api.indicator,
      name: api.indicator,
      format: 'opaque',
      ...(api.ttl ? { accessTokenTtl: api.ttl } : {}),
      scopes: api.scopes.map((scope) => ({ description: scope.name, ...scope })),
    });
    if (!api.speaker) return { client_id: '', client_secret: '' };
    await clients.register({
      id: api.speaker,
      name: api.speaker,
      authMethod: 'client_secret_basic',
      grantTypes: [EXCHANGE],
    });
    await access.linkClient(server.id, api.speaker);
    const issued = await clients.issueSecret(api.speaker);
    if (issued.kind !== 'issued') throw new Error(issued.kind);
    return { client_id: api.speaker, client_secret: issued.secret };
  });
}

/** Lets a client ask for scopes of an API. */
export async function allow(
  { domain }: Pick<People, 'domain'>,
  clientId: string,
  indicator: string,
  scopes: readonly string[],
): Promise<void> {
  const server = await domain.access.findResourceServer(indicator);
  if (!server) throw new Error(`no ${indicator}`);
  await domain.access.grantScopes(clientId, server.id, scopes);
}

/** A person of the shop, with a role. */
export async function addStaff(people: People, ...roles: string[]): Promise<Person> {
  const person = await people.add({ staff: true, app: true });
  for (const role of roles) await people.domain.access.addRole(person.id, role);
  return person;
}

/** One of staff (or anybody) signs in at the support desk; what the desk holds then. */
export async function signInAtDesk(
  server: TestServer,
  people: People,
  person: Person,
  changes: Fields = {},
) {
  const browser = openBrowser(server);
  const owner = ownerAt(server, people, browser, person);
  const url = authorizeUrl({
    client_id: 'demo-support-desk',
    redirect_uri: DESK_CALLBACK,
    scope: `openid ${ACT}`,
    resource: ADMIN,
    ...changes,
  });
  const reply = await owner.answer(await browser.get(url));
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const fields = { client_id: undefined, redirect_uri: DESK_CALLBACK, resource: ADMIN };
  const resource = changes.resource ?? ADMIN;
  const { json, text } = await post(
    server,
    '/oauth2/token',
    redemption(code, { ...fields, resource }),
    { authorization: basic(demoClient(server, 'support_desk')) },
  );
  if (typeof json.access_token !== 'string') throw new Error(text);
  return { owner, browser, access: json.access_token, idToken: String(json.id_token) };
}

/** The request of a help desk, with changes. */
export function actingFields(shopperId: string, actorToken: string, changes: Fields = {}): Fields {
  return {
    subject_token: shopperId,
    subject_token_type: ACCOUNT_ID,
    actor_token: actorToken,
    actor_token_type: ACCESS,
    resource: ORDERS,
    scope: 'orders:read',
    reason: 'Ticket 4711: the parcel did not arrive',
    ...changes,
  };
}

/** A proof of possession for the token endpoint. */
export async function createProver(server: Pick<TestServer, 'issuer'>) {
  const keys = await generateKeyPair('ES256');
  return (more: Record<string, unknown> = {}, path = '/oauth2/token') =>
    exportJWK(keys.publicKey).then((jwk) =>
      new SignJWT({ htm: 'POST', htu: server.issuer + path, jti: randomUUID(), ...more })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .setIssuedAt()
        .sign(keys.privateKey),
    );
}

/** What a node says of a token to the API it is for. */
export async function seenBy(
  node: Pick<TestServer, 'issuer' | 'port'>,
  api: Secretive,
  token: string,
): Promise<Record<string, unknown>> {
  const headers = { authorization: basic(api) };
  return (await postToNode(node, '/oauth2/introspect', { token }, headers)).json;
}

/** How long it took until every node called the token inactive; gives up after a second. */
export async function endedOn(
  nodes: readonly Pick<TestServer, 'issuer' | 'port'>[],
  api: Secretive,
  token: string,
): Promise<number> {
  const began = performance.now();
  for (;;) {
    const seen = await Promise.all(nodes.map((node) => seenBy(node, api, token)));
    const ms = performance.now() - began;
    if (seen.every((answer) => JSON.stringify(answer) === '{"active":false}')) return ms;
    if (ms > 1_000) throw new Error(`still alive after ${Math.round(ms)} ms`);
    await sleep(20);
  }
}

/** What a gateway in front of an API is told of a token at a node: 200, or why not. */
export async function askedOf(
  node: Pick<TestServer, 'port'>,
  gateway: Secretive,
  token: string,
): Promise<number> {
  const { status } = await wire(node.port, {
    method: 'GET',
    path: '/oauth2/verify',
    headers: {
      host: 'latchkey.internal',
      'x-gateway-authorization': basic(gateway),
      authorization: `Bearer ${token}`,
    },
  });
  return status;
}

export const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');
