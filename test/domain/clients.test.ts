/** Clients: which redirect URIs may be registered, and how secrets are kept. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type ClientDraft, secretMatches } from '../../src/domain/clients/index.js';
import { redirectUriFault } from '../../src/domain/clients/redirect-uri.js';
import { addClient, openDomain, type TestDomain } from '../support/domain.js';

const web = { native: false, production: true };
const development = { native: false, production: false };
const native = { native: true, production: true };

type Rules = typeof web;
type Case = readonly [uri: string, rules: Rules];

describe('a redirect URI may be registered', () => {
  const good: readonly Case[] = [
    ['https://alder-oak.example/callback', web],
    ['https://alder-oak.example/callback?tenant=1', web],
    ['https://alder-oak.example:8443/cb', web],
    ['https://xn--bcher-kva.example/cb', web],
    ['http://localhost:4000/callback', development],
    ['http://127.0.0.1:4000/callback', development],
    ['https://192.0.2.1/callback', development],
    ['http://127.0.0.1/callback', native],
    ['http://[::1]:5000/callback', native],
    ['example.alder-oak.app:/callback', native],
    ['https://alder-oak.example/app', native],
  ];
  test.each(good)('%s %o', (uri, rules) => {
    expect(redirectUriFault(uri, rules)).toBeUndefined();
  });
});

describe('a redirect URI is refused', () => {
  const bad: readonly (readonly [uri: string, rules: Rules, fault: RegExp])[] = [
    ['http://alder-oak.example/callback', development, /must be https/],
    ['http://localhost:4000/callback', web, /must be https/],
    ['http://localhost.evil.example/callback', development, /must be https/],
    ['http://127.0.0.1.evil.example/callback', native, /must be https/],
    ['http://10.0.0.1/callback', native, /must be https/],
    ['https://alder-oak.example/callback#', web, /fragment/],
    ['https://alder-oak.example/callback#top', web, /fragment/],
    ['https://me@alder-oak.example/callback', web, /user information/],
    ['https://me:pw@alder-oak.example/callback', web, /user information/],
    ['https://@alder-oak.example/callback', web, /user information/],
    ['https://*.alder-oak.example/callback', web, /wildcards/],
    ['https://alder-oak.example/*', web, /wildcards/],
    ['https://alder-oak.example/a b', web, /blanks/],
    ['https://alder-oak.example/\tcb', web, /blanks/],
    [' https://alder-oak.example/cb', web, /blanks/],
    ['https://alder-oak.example\\@evil.example/cb', web, /backslashes/],
    ['https://alder-oak.example/\u0000', web, /blanks/],
    ['https://192.0.2.1/callback', web, /IP address/],
    ['https://[2001:db8::1]/callback', web, /IP address/],
    ['https://0x7f000001/callback', web, /IP address/],
    ['javascript:alert(1)', native, /must not use the scheme/],
    ['data:text/html,x', native, /must not use the scheme/],
    ['file:///etc/passwd', native, /must not use the scheme/],
    ['blob:https://alder-oak.example/1', native, /must not use the scheme/],
    ['alder-oak.app:/callback', web, /must be https/],
    ['alderoak:/callback', native, /reversed domain name/],
    ['/callback', web, /absolute/],
    ['', web, /absolute/],
  ];
  test.each(bad)('%j %o', (uri, rules, fault) => {
    expect(redirectUriFault(uri, rules)).toMatch(fault);
  });
});

describe('with a database', () => {
  let opened: TestDomain;
  beforeAll(async () => {
    opened = await openDomain();
  });
  afterAll(() => opened.close());

  const newClient = async () => {
    const id = `client-${randomUUID()}`;
    await addClient(opened, id);
    return id;
  };
  const issue = (id: string) => opened.transact(({ clients }) => clients.issueSecret(id));
  const secretsOf = async (id: string) => (await opened.domain.clients.find(id))?.secrets ?? [];

  it('a secret is long, shown once, and stored as a digest', async () => {
    const id = await newClient();
    const issued = await issue(id);
    if (issued.kind !== 'issued') throw new Error(issued.kind);
    expect(issued.secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const [row] = await opened.sql<{ text: string }>(
      'SELECT s::text AS text FROM client_secrets s WHERE client_id = $1',
      [id],
    );
    expect(row?.text).not.toContain(issued.secret);
    const secrets = await secretsOf(id);
    expect(secretMatches(secrets, issued.secret, new Date())).toBe(true);
    for (const wrong of ['', issued.secret.slice(1), `${issued.secret}x`, 'A'.repeat(43)]) {
      expect(secretMatches(secrets, wrong, new Date())).toBe(false);
    }
  });

  it('two secrets live side by side, and a third is refused until one goes', async () => {
    const id = await newClient();
    const [one, two] = [await issue(id), await issue(id)];
    if (one.kind !== 'issued' || two.kind !== 'issued') throw new Error('not issued');
    const both = await secretsOf(id);
    expect(secretMatches(both, one.secret, new Date())).toBe(true);
    expect(secretMatches(both, two.secret, new Date())).toBe(true);
    expect(await issue(id)).toEqual({ kind: 'too-many', secretIds: [one.secretId, two.secretId] });
    expect(await opened.domain.clients.removeSecret(id, one.secretId)).toBe(true);
    expect(secretMatches(await secretsOf(id), one.secret, new Date())).toBe(false);
    expect((await issue(id)).kind).toBe('issued');
  });

  it('of many that ask for a secret at the same moment two get one', async () => {
    const id = await newClient();
    const results = await Promise.all(Array.from({ length: 8 }, () => issue(id)));
    expect(results.filter(({ kind }) => kind === 'issued')).toHaveLength(2);
    expect(await secretsOf(id)).toHaveLength(2);
  });

  it('an expired secret opens nothing and makes room', async () => {
    const id = await newClient();
    const issued = await issue(id);
    await issue(id);
    if (issued.kind !== 'issued') throw new Error(issued.kind);
    await opened.sql(
      "UPDATE client_secrets SET expires_at = now() - interval '1 s' WHERE id = $1",
      [issued.secretId],
    );
    expect(secretMatches(await secretsOf(id), issued.secret, new Date())).toBe(false);
    expect((await issue(id)).kind).toBe('issued');
  });

  it('one client cannot take another one’s secret away', async () => {
    const [mine, theirs] = [await newClient(), await newClient()];
    const issued = await issue(theirs);
    if (issued.kind !== 'issued') throw new Error(issued.kind);
    expect(await opened.domain.clients.removeSecret(mine, issued.secretId)).toBe(false);
    expect(await secretsOf(theirs)).toHaveLength(1);
  });

  it('a client that does not exist gets no secret', async () => {
    expect(await issue('nobody')).toEqual({ kind: 'not-found' });
  });

  it('an id is given once', async () => {
    const draft: ClientDraft = {
      id: `client-${randomUUID()}`,
      name: 'Shop',
      authMethod: 'none',
      grantTypes: [],
    };
    const results = await Promise.all(
      Array.from({ length: 5 }, () => opened.domain.clients.register(draft)),
    );
    expect(results.filter((result) => result === 'registered')).toHaveLength(1);
  });

  it('a draft is told everything that is wrong with it', () => {
    const faults = opened.domain.clients.faultsOf({
      id: '-',
      name: ' ',
      authMethod: 'none',
      grantTypes: ['authorization_code', 'client_credentials'],
      redirectUris: ['http://shop.example/cb'],
      postLogoutRedirectUris: ['https://shop.example/#out'],
      webOrigins: ['https://shop.example/'],
      tosUri: 'http://shop.example/terms',
      jwks: { keys: [] },
    });
    expect(faults).toHaveLength(8);
    const withKey = (jwks: unknown) =>
      opened.domain.clients.faultsOf({
        id: 'shop',
        name: 'Shop',
        authMethod: 'none',
        grantTypes: [],
        jwks,
      });
    const key = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' };
    expect(withKey({ keys: [key] })).toEqual([]);
    expect(withKey({ keys: [{ ...key, d: 'd' }] })).toEqual([
      expect.stringContaining('public keys only'),
    ]);
    // What the host would stumble over with every request is said now.
    for (const broken of [{ y: undefined }, { crv: 256 }, { kid: 1 }, { x5c: 'MII' }]) {
      expect(withKey({ keys: [{ ...key, ...broken }] })).toEqual([
        expect.stringContaining('lacks what makes it one'),
      ]);
    }
    expect(withKey({ keys: [key, { kty: 'EC', crv: 'P-256' }] })).toHaveLength(1);
  });

  it('names as its pages what a browser can be sent to, and nothing else', () => {
    const at = (uri: string) =>
      opened.domain.clients.faultsOf({
        id: 'shop',
        name: 'Shop',
        authMethod: 'none',
        grantTypes: [],
        policyUri: uri,
      });
    expect(at('https://shop.example/privacy?lang=de')).toEqual([]);
    for (const uri of [
      'http://shop.example/privacy',
      'https://user:secret@shop.example/',
      'https://shop.example/ privacy',
      'https://shop.example\\@elsewhere.example/',
      'https://shop.example/#privacy',
    ]) {
      expect(at(uri)).toEqual([`${uri} must be an https address`]);
    }
  });
});
