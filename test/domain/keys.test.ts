/** Signing keys: published before they sign, kept after, sealed at rest. */

import { decodeProtectedHeader, importJWK, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  generateSigningKey,
  KEEP_PUBLISHED_SECONDS,
  PUBLISH_AHEAD_SECONDS,
} from '../../src/domain/keys/index.js';
import {
  createEnsureSigningKeys,
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
const rotate = () => createRotateSigningKeys(opened)({ actor: { kind: 'operator' } });
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

  it('can be repeated before the last one has taken effect', async () => {
    await addQuickKey();
    const signers = [await signerOf('ES256')];
    for (let round = 0; round < 3; round += 1) {
      await addQuickKey();
      passTime(60);
      expect(await signerOf('ES256')).toBe(signers[0]);
    }
    for (let round = 0; round < 3; round += 1) {
      passTime(round === 0 ? PUBLISH_AHEAD_SECONDS - 180 : 60);
      signers.push(await signerOf('ES256'));
    }
    expect(new Set(signers).size).toBe(4);
    expect((await states()).filter((state) => state.endsWith('signing'))).toHaveLength(1);
  });

  it('by two operators at the same moment leaves one line of succession', async () => {
    await addQuickKey();
    await Promise.all([addQuickKey(), addQuickKey()]);
    const keys = await opened.domain.keys.list();
    expect(keys).toHaveLength(3);
    expect(keys.filter((key) => key.publishedUntil === null)).toHaveLength(1);
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
