/** Signing keys: published before they sign, kept after, sealed at rest. */

import { decodeProtectedHeader, importJWK, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  generateSigningKey,
  KEEP_PUBLISHED_SECONDS,
  PUBLISH_AHEAD_SECONDS,
  UNSETTLED_SECONDS,
} from '../../src/domain/keys/index.js';
import { createRevokeSigningKeys } from '../../src/flows/revoke-signing-keys.js';
import {
  createEnsureSigningKeys,
  createRotateOnSchedule,
  createRotateSigningKeys,
} from '../../src/flows/rotate-signing-keys.js';
import { SealBroken } from '../../src/kernel/sealed-box.js';
import { signingAlgs } from '../../src/kernel/signing-algs.js';
import { masterKey, openDomain, type TestDomain } from '../support/domain.js';

const start = new Date('2027-01-01T00:00:00Z');
let time = start;
const clock = { now: () => time };
const passTime = (seconds: number) => {
  time = new Date(time.getTime() + seconds * 1000);
};

let opened: TestDomain;
beforeEach(async () => {
  time = start;
  opened = await openDomain({ clock });
});
afterEach(() => opened.close());

const ensure = () => createEnsureSigningKeys(opened)();
const rotate = () => createRotateSigningKeys(opened)({ administrator: { kind: 'operator' } });
/** The same with one algorithm, whose keys are made in no time. */
const addQuickKey = async () => {
  const key = await generateSigningKey('ES256');
  await opened.transact(async ({ keys }) => {
    await keys.lock();
    await keys.add([key]);
  });
};
const inState = (state: string) => signingAlgs.map((alg) => `${alg} ${state}`);
const states = async () =>
  (await opened.domain.keys.list()).map(({ alg, state }) => `${alg} ${state}`).sort();
const signerOf = async (alg: string) =>
  (await opened.domain.keys.loadSigningSet()).keys.find((key) => key.alg === alg)?.kid;

describe('the first keys', () => {
  it('sign at once, one of each algorithm', async () => {
    await ensure();
    expect(await states()).toEqual(inState('signing'));
    expect((await opened.domain.keys.loadSigningSet()).nextChange).toBeUndefined();
  });

  it('are made once, whichever of many nodes comes first', async () => {
    await Promise.all(Array.from({ length: 4 }, () => ensure()));
    await ensure();
    expect(await states()).toEqual(inState('signing'));
    const events = await opened.sql('SELECT event FROM audit_events');
    expect(events).toEqual([{ event: 'signing_keys_created' }]);
  });

  it('of an algorithm that an older installation lacks sign at once, beside the others', async () => {
    await addQuickKey();
    const old = await signerOf('ES256');
    await addQuickKey();
    await Promise.all([ensure(), ensure()]);
    expect(await states()).toEqual(['ES256 upcoming', ...inState('signing')].sort());
    expect(await signerOf('ES256')).toBe(old);
    for (const alg of ['EdDSA', 'PS256', 'RS256']) expect(await signerOf(alg)).toBeDefined();
  });
});

describe('a rotation', () => {
  it('publishes first, signs ten minutes later, and keeps the old key until nothing needs it', async () => {
    await ensure();
    const old = await signerOf('ES256');
    await rotate();
    expect(await states()).toEqual([...inState('signing'), ...inState('upcoming')].sort());
    expect(await signerOf('ES256')).toBe(old);
    const { nextChange, keys } = await opened.domain.keys.loadSigningSet();
    expect(nextChange).toEqual(new Date(start.getTime() + PUBLISH_AHEAD_SECONDS * 1000));
    expect(keys).toHaveLength(8);

    passTime(PUBLISH_AHEAD_SECONDS - 1);
    expect(await signerOf('ES256')).toBe(old);
    passTime(1);
    expect(await signerOf('ES256')).not.toBe(old);
    expect(await states()).toEqual([...inState('signing'), ...inState('retiring')].sort());

    passTime(KEEP_PUBLISHED_SECONDS - 1);
    expect((await opened.domain.keys.loadSigningSet()).keys).toHaveLength(8);
    passTime(1);
    expect(await states()).toEqual(inState('signing'));
  });

  it('is not begun again while successors wait, whoever asks and however often', async () => {
    await ensure();
    const results = await Promise.all([rotate(), rotate(), rotate()]);
    const kinds = results.map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['rotated', 'under-way', 'under-way']);
    expect(
      new Set(results.map((result) => 'kids' in result && [...result.kids].sort().join())),
    ).toHaveLength(1);
    expect(await states()).toEqual([...inState('signing'), ...inState('upcoming')].sort());
    expect(await rotate()).toMatchObject({ kind: 'under-way' });
    const events = await opened.sql(
      "SELECT actor_kind FROM audit_events WHERE event = 'signing_keys_rotated'",
    );
    expect(events).toEqual([{ actor_kind: 'operator' }]);

    passTime(PUBLISH_AHEAD_SECONDS);
    expect(await rotate()).toMatchObject({ kind: 'rotated' });
  });

  it('leaves one line of succession, even of keys that are added past it', async () => {
    await addQuickKey();
    await Promise.all([addQuickKey(), addQuickKey()]);
    const keys = await opened.domain.keys.list();
    expect(keys).toHaveLength(3);
    expect(keys.filter((key) => key.publishedUntil === null)).toHaveLength(1);
  });

  it('is refused to whoever may not', async () => {
    await addQuickKey();
    const administrator = {
      kind: 'client',
      clientId: 'x',
      scopes: new Set(['keys:read']),
    } as const;
    expect(await createRotateSigningKeys(opened)({ administrator })).toEqual({ kind: 'forbidden' });
    expect(await createRevokeSigningKeys(opened)({ administrator, reason: 'for fun' })).toEqual({
      kind: 'forbidden',
    });
    expect(await states()).toEqual(['ES256 signing']);
  });
});

describe('the schedule', () => {
  const DAY = 24 * 3600;
  const look = (days: number) => createRotateOnSchedule({ ...opened, days })();

  it('rotates what has been in use for that long, once, whichever of many nodes looks first', async () => {
    await ensure();
    passTime(90 * DAY - 1);
    expect(await look(90)).toBe(0);
    passTime(1);
    const made = await Promise.all([look(90), look(90), look(90)]);
    expect(made.sort()).toEqual([0, 0, signingAlgs.length]);
    expect(await states()).toEqual([...inState('signing'), ...inState('upcoming')].sort());
    const events = await opened.sql(
      "SELECT actor_kind, details->>'scheduled' AS scheduled FROM audit_events WHERE event = 'signing_keys_rotated'",
    );
    expect(events).toEqual([{ actor_kind: 'system', scheduled: 'true' }]);

    // From when they sign, not from when they were made.
    passTime(90 * DAY);
    expect(await look(90)).toBe(0);
    passTime(PUBLISH_AHEAD_SECONDS);
    expect(await look(90)).toBe(signingAlgs.length);
  });

  it('looks at each algorithm by itself, and at nothing with 0 days', async () => {
    await addQuickKey();
    passTime(80 * DAY);
    await ensure();
    passTime(10 * DAY);
    expect(await look(0)).toBe(0);
    expect(await look(90)).toBe(1);
    expect(await states()).toEqual(['ES256 upcoming', ...inState('signing')].sort());
  });
});

describe('an emergency', () => {
  const revoke = (kid?: string) =>
    createRevokeSigningKeys(opened)({ administrator: { kind: 'operator' }, kid, reason: 'leaked' });
  const stateOf = async (kid: string | undefined) =>
    (await opened.domain.keys.list()).find((key) => key.kid === kid)?.state;
  const kids = async () =>
    (await opened.domain.keys.loadSigningSet()).keys.map((key) => key.kid).sort();

  it('takes every key out at once, and others sign at once', async () => {
    await ensure();
    await rotate();
    const old = await kids();
    expect(old).toHaveLength(8);
    const result = await revoke();
    expect(result).toMatchObject({ kind: 'revoked', added: expect.any(Array) });
    if (result.kind !== 'revoked') throw new Error(result.kind);
    expect([...result.revoked].sort()).toEqual(old);
    expect(await kids()).toEqual([...result.added].sort());
    expect(await states()).toEqual(
      [...inState('signing'), ...inState('revoked'), ...inState('revoked')].sort(),
    );
    const { unsettledUntil } = await opened.domain.keys.loadSigningSet();
    expect(unsettledUntil).toEqual(new Date(time.getTime() + UNSETTLED_SECONDS * 1000));
    const [event] = await opened.sql<{ details: Record<string, string> }>(
      "SELECT details FROM audit_events WHERE event = 'signing_keys_revoked'",
    );
    expect(event?.details.reason).toBe('leaked');
    expect(event?.details.revoked?.split(' ').sort()).toEqual(old);
  });

  it('destroys the private half, and keeps the public one for whoever looks into it', async () => {
    await ensure();
    await revoke();
    const rows = await opened.sql<{ left: number; x: string | null }>(
      `SELECT octet_length(sealed_private) AS left, public_jwk->>'kty' AS x
         FROM signing_keys WHERE revoked_at IS NOT NULL`,
    );
    expect(rows).toHaveLength(signingAlgs.length);
    for (const row of rows) expect(row).toEqual({ left: 0, x: expect.any(String) });
  });

  it('with the only key of its algorithm leaves the others alone', async () => {
    await ensure();
    const leaked = await signerOf('PS256');
    const others = (await kids()).filter((kid) => kid !== leaked);
    const result = await revoke(leaked);
    expect(result).toMatchObject({ revoked: [leaked], added: [await signerOf('PS256')] });
    expect(await stateOf(leaked)).toBe('revoked');
    expect(await kids()).toEqual(expect.arrayContaining(others));
    expect(await kids()).toHaveLength(signingAlgs.length);
  });

  it('lets a successor that is on its way sign at once', async () => {
    await addQuickKey();
    const leaked = await signerOf('ES256');
    await addQuickKey();
    const next = (await kids()).find((kid) => kid !== leaked);
    expect(await revoke(leaked)).toMatchObject({ revoked: [leaked], added: [] });
    expect(await signerOf('ES256')).toBe(next);
    expect(await stateOf(next)).toBe('signing');
  });

  it('with a successor that does not sign yet gives the signer another one, in good time', async () => {
    await addQuickKey();
    const signer = await signerOf('ES256');
    await addQuickKey();
    const leaked = (await kids()).find((kid) => kid !== signer);
    const result = await revoke(leaked);
    expect(result).toMatchObject({ revoked: [leaked], added: [expect.any(String)] });
    expect(await signerOf('ES256')).toBe(signer);
    passTime(PUBLISH_AHEAD_SECONDS);
    expect(result).toMatchObject({ added: [await signerOf('ES256')] });
  });

  it('with a retiring key, or one that nobody knows, changes nobody’s turn', async () => {
    await addQuickKey();
    const leaked = await signerOf('ES256');
    await addQuickKey();
    passTime(PUBLISH_AHEAD_SECONDS);
    const signer = await signerOf('ES256');
    expect(await stateOf(leaked)).toBe('retiring');
    expect(await revoke(leaked)).toMatchObject({ revoked: [leaked], added: [] });
    expect(await kids()).toEqual([signer]);
    expect(await revoke(leaked)).toEqual({ kind: 'not-found' });
    expect(await revoke('nonsense')).toEqual({ kind: 'not-found' });
  });

  it('declared twice at the same moment takes each key out once', async () => {
    await addQuickKey();
    const leaked = await signerOf('ES256');
    // All three have read before the first of them may write; nobody waits for a lock for longer
    // than a second, so they do not start with opening connections.
    await Promise.all([1, 2, 3].map(() => opened.transact(({ keys }) => keys.missing())));
    await opened.sql('BEGIN');
    await opened.sql('SELECT pg_advisory_xact_lock(7230145001)');
    const all = Promise.all([revoke(), revoke(), revoke()]);
    await vi.waitFor(
      async () =>
        expect(
          await opened.sql(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
          ),
        ).toHaveLength(3),
      { timeout: 10_000, interval: 10 },
    );
    await opened.sql('COMMIT');
    const results = await all;
    const outs = results.flatMap((result) => (result.kind === 'revoked' ? result.revoked : []));
    const ins = results.flatMap((result) => (result.kind === 'revoked' ? result.added : []));
    expect(outs).toEqual([leaked]);
    expect(await kids()).toEqual(ins);
    expect(ins).toHaveLength(1);
  });

  it('counts on a node whose clock is behind', async () => {
    await addQuickKey();
    const leaked = await signerOf('ES256');
    const result = await revoke();
    passTime(-3);
    expect(await kids()).not.toContain(leaked);
    expect(result).toMatchObject({ added: [await signerOf('ES256')] });
  });
});

describe('a private key', () => {
  it('stands nowhere in clear', async () => {
    await ensure();
    const { keys } = await opened.domain.keys.loadSigningSet();
    const [dump] = await opened.sql<{ text: string }>(
      `SELECT string_agg(k::text || encode(sealed_private, 'escape'), ' ') AS text
         FROM signing_keys k`,
    );
    expect(keys).toHaveLength(signingAlgs.length);
    for (const { d } of keys) {
      expect(d).toBeTypeOf('string');
      expect(dump?.text).not.toContain(d);
    }
    const rows = await opened.sql<{ public_jwk: object }>('SELECT public_jwk FROM signing_keys');
    for (const { public_jwk } of rows) {
      expect(Object.keys(public_jwk)).not.toEqual(expect.arrayContaining(['d']));
    }
  });

  it('is destroyed an hour after its public half was published for the last time', async () => {
    await addQuickKey();
    const old = await signerOf('ES256');
    await addQuickKey();
    const left = async () =>
      (
        await opened.sql<{ kid: string }>(
          'SELECT kid FROM signing_keys WHERE octet_length(sealed_private) > 0',
        )
      ).map(({ kid }) => kid);
    passTime(PUBLISH_AHEAD_SECONDS + KEEP_PUBLISHED_SECONDS + 3600);
    expect(await opened.domain.keys.destroyRetired(100)).toBe(0);
    passTime(1);
    expect(await opened.domain.keys.destroyRetired(100)).toBe(1);
    expect(await opened.domain.keys.destroyRetired(100)).toBe(0);
    expect(await left()).toEqual([await signerOf('ES256')]);
    expect(await left()).not.toContain(old);
  });

  it('does not open under another key’s name', async () => {
    await addQuickKey();
    await addQuickKey();
    const [one, two] = await opened.domain.keys.list();
    await opened.sql(
      `UPDATE signing_keys SET sealed_private =
         (SELECT sealed_private FROM signing_keys WHERE kid = $1) WHERE kid = $2`,
      [one?.kid, two?.kid],
    );
    await expect(opened.domain.keys.loadSigningSet()).rejects.toThrow(SealBroken);
  });

  it('needs the keyring it was sealed under, and the message names the key', async () => {
    await addQuickKey();
    const stranger = await openDomain({ like: opened, clock, keys: [masterKey('other')] });
    try {
      await expect(stranger.domain.keys.loadSigningSet()).rejects.toThrow(
        /"test".*LATCHKEY_KEYRING/,
      );
    } finally {
      await stranger.close();
    }
  });

  it('signs what its public half verifies', async () => {
    for (const alg of signingAlgs) {
      const { kid, privateJwk, publicJwk } = await generateSigningKey(alg);
      expect(publicJwk).not.toHaveProperty('d');
      const token = await new SignJWT({})
        .setProtectedHeader({ alg, kid })
        .sign(await importJWK(privateJwk, alg));
      expect(decodeProtectedHeader(token)).toEqual({ alg, kid });
      await expect(jwtVerify(token, await importJWK(publicJwk, alg))).resolves.toBeDefined();
    }
  });
});
