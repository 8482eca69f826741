/** What the protocol host stores: spent once, dead with its owner, unreadable in a dump. */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactKind, Payload } from '../../src/domain/grants/index.js';
import { SealBroken } from '../../src/kernel/sealed-box.js';
import {
  addAccount,
  addClient,
  masterKey,
  openDomain,
  type TestDomain,
} from '../support/domain.js';

let opened: TestDomain;
let accountId: string;
const clientId = 'machine';

beforeAll(async () => {
  opened = await openDomain();
  await addClient(opened, clientId);
});
afterAll(() => opened.close());

const bearer = () => randomBytes(32).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const newAccount = () => addAccount(opened, `${randomUUID()}@fernhill.example`);

async function save(
  kind: ArtifactKind,
  payload: Payload = {},
  ttlSeconds = 600,
  authAt?: number,
): Promise<string> {
  const id = bearer();
  await opened.domain.grants.save(kind, { id }, { iat: now(), ...payload }, ttlSeconds, authAt);
  return id;
}

const find = (id: string) => opened.domain.grants.find(id);

/** Everything the table holds, as text: what a thief of a dump can search. */
async function dump(): Promise<string> {
  const [row] = await opened.sql<{ text: string }>(
    `SELECT coalesce(string_agg(a::text || encode(coalesce(sealed_payload, ''), 'escape'), ' '), '')
         AS text FROM artifacts a`,
  );
  return row?.text ?? '';
}

describe('a single-use value', () => {
  it('is spent by one of twenty that come at the same moment', async () => {
    for (const kind of [
      'AuthorizationCode',
      'RefreshToken',
      'PushedAuthorizationRequest',
    ] as const) {
      const id = await save(kind);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => opened.domain.grants.spend(kind, { id })),
      );
      expect(answers.filter(Boolean), kind).toHaveLength(1);
      expect((await find(id))?.payload.consumed, kind).toBeTypeOf('number');
    }
  });

  it('cannot be spent when it has expired, or is not there', async () => {
    const id = await save('AuthorizationCode', {}, -1);
    expect(await opened.domain.grants.spend('AuthorizationCode', { id })).toBe(false);
    expect(await opened.domain.grants.spend('RefreshToken', { id: bearer() })).toBe(false);
  });

  it('stays spent when it is saved again', async () => {
    const id = await save('RefreshToken', { scope: 'before' });
    await opened.domain.grants.spend('RefreshToken', { id });
    await opened.domain.grants.save('RefreshToken', { id }, { iat: now(), scope: 'after' }, 600);
    expect((await find(id))?.payload).toMatchObject({ scope: 'before' });
    expect(await opened.domain.grants.spend('RefreshToken', { id })).toBe(false);
  });

  it('is claimed by the first of twenty, and again only after it has expired', async () => {
    const value = `jti ${bearer()}`;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => opened.domain.grants.claimOnce(value, 60)),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    const brief = `jti ${bearer()}`;
    expect(await opened.domain.grants.claimOnce(brief, -1)).toBe(true);
    const later = await Promise.all(
      Array.from({ length: 20 }, () => opened.domain.grants.claimOnce(brief, 60)),
    );
    expect(later.filter(Boolean)).toHaveLength(1);
  });

  it('that was claimed does not pass for a token, nor a token for a claim', async () => {
    const value = bearer();
    await opened.domain.grants.claimOnce(value, 60);
    await opened.domain.grants.save('AccessToken', { id: value }, { iat: now() }, 600);
    expect((await find(value))?.kind).toBe('ReplayDetection');
    const token = await save('AccessToken');
    expect(await opened.domain.grants.claimOnce(token, 60)).toBe(false);
    expect((await find(token))?.kind).toBe('AccessToken');
  });
});

describe('an expired value', () => {
  it('is not found, except a pushed request, which must be spent to be refused', async () => {
    expect(await find(await save('AccessToken', {}, -1))).toBeUndefined();
    expect(await find(await save('AccessToken', {}, -5))).toBeUndefined();
    expect(await find(await save('PushedAuthorizationRequest', {}, -1))).toBeDefined();
  });
});

describe('a session that was ended', () => {
  it('stays ended when a request in flight saves it once more', async () => {
    accountId = await newAccount();
    const uid = bearer();
    const payload = { accountId, uid, loginTs: now() };
    const id = await save('Session', payload);
    expect(await find(id)).toBeDefined();
    expect(await opened.domain.grants.findSessionByUid(uid)).toBeDefined();
    await opened.domain.grants.remove('Session', { id });
    await opened.domain.grants.save('Session', { id }, { iat: now(), ...payload }, 600);
    expect(await find(id)).toBeUndefined();
    expect(await opened.domain.grants.findSessionByUid(uid)).toBeUndefined();
  });

  it('stays ended under whatever id a request in flight gives it', async () => {
    accountId = await newAccount();
    const { grants } = opened.domain;
    const uid = bearer();
    const payload = { accountId, uid, loginTs: now() };
    const [first, second, third] = [await save('Session', payload), bearer(), bearer()];
    await grants.renewSession({ id: first }, { id: second }, { iat: now(), ...payload }, 600);
    expect(await find(first)).toBeUndefined();
    expect(await find(second)).toBeDefined();
    // Somebody who still has the old id in hand ends it all the same.
    await grants.remove('Session', { id: first }, uid);
    expect(await find(second)).toBeUndefined();
    await grants.renewSession({ id: second }, { id: third }, { iat: now(), ...payload }, 600);
    await grants.save('Session', { id: first }, { iat: now(), ...payload }, 600);
    for (const id of [first, second, third]) expect(await find(id)).toBeUndefined();
    expect(await grants.findSessionByUid(uid)).toBeUndefined();
  });

  it('is saved by all tabs at once as soon as a revocation has taken it away', async () => {
    const { grants } = opened.domain;
    for (let round = 0; round < 40; round += 1) {
      const owner = await newAccount();
      const [id, uid] = [bearer(), bearer()];
      const payload = { accountId: owner, uid, loginTs: now() };
      await grants.save('Session', { id }, payload, 600);
      // The tabs wait for the row that goes, and then for each other: in a circle, it once was.
      let letIn: () => void = () => undefined;
      const taken = new Promise<void>((resolve) => {
        letIn = resolve;
      });
      await Promise.all([
        opened.transact(async (inside) => {
          await inside.grants.endAccount(owner, { sessions: true, tokens: true });
          letIn();
          await sleep(40);
        }),
        ...Array.from({ length: 6 }, () =>
          taken.then(() => grants.save('Session', { id }, payload, 600)),
        ),
      ]);
      expect(await grants.findSessionByUid(uid)).toBeDefined();
    }
  }, 120_000);

  it('is another than the next one of the same browser', async () => {
    accountId = await newAccount();
    await opened.domain.grants.remove('Session', { id: await save('Session', { uid: bearer() }) });
    const next = await save('Session', { accountId, uid: bearer(), loginTs: now() });
    expect(await find(next)).toBeDefined();
  });
});

describe('what an account owns', () => {
  const family = async (loginTs: number) => {
    accountId = await newAccount();
    const grantId = await save('Grant', { accountId, clientId }, 600, loginTs);
    const rest = { accountId, clientId, grantId };
    return {
      session: await save('Session', { accountId, uid: bearer(), loginTs }),
      grant: grantId,
      access: await save('AccessToken', rest),
      refresh: await save('RefreshToken', rest),
      code: await save('AuthorizationCode', { ...rest, authTime: loginTs }),
    };
  };
  const aliveOf = async (ids: Record<string, string>) => {
    const found = await Promise.all(
      Object.entries(ids).map(async ([name, id]) => ((await find(id)) ? [name] : [])),
    );
    return found.flat().sort();
  };
  const ALL = ['access', 'code', 'grant', 'refresh', 'session'];

  it('is alive while the account is, and brings its grant along', async () => {
    const ids = await family(now());
    expect(await aliveOf(ids)).toEqual(ALL);
    expect((await find(ids.access))?.grant).toMatchObject({ kind: 'Grant', accountId, clientId });
  });

  it('dies with the epoch, also within the same second, whoever saves it again', async () => {
    const { identity, grants } = opened.domain;
    for (const age of [100, 1, 0]) {
      const loginTs = now() - age;
      const ids = await family(loginTs);
      await identity.raiseSecurityEpoch(accountId);
      expect(await aliveOf(ids), `${age} s old`).toEqual([]);
      await grants.save(
        'Session',
        { id: ids.session },
        { accountId, uid: bearer(), loginTs, iat: now() },
        600,
      );
      const grantId = ids.grant;
      await grants.save(
        'Grant',
        { id: grantId },
        { accountId, clientId, iat: now() + 5 },
        600,
        loginTs,
      );
      const token = await save('AccessToken', { accountId, clientId, grantId });
      expect(await aliveOf({ ...ids, token }), `${age} s old, saved again`).toEqual([]);
    }
  });

  it('begins anew with a log-in right after that, within the same second', async () => {
    await family(now());
    await opened.domain.identity.raiseSecurityEpoch(accountId);
    const held = await opened.transact(({ identity }) => identity.holdForSignIn(accountId));
    const loginTs = held?.earliest ?? 0;
    const session = await save('Session', { accountId, uid: bearer(), loginTs });
    const grantId = await save('Grant', { accountId, clientId }, 600, loginTs);
    const token = await save('AccessToken', { accountId, clientId, grantId });
    expect(await aliveOf({ session, grantId, token })).toHaveLength(3);
  });

  it('keeps its tokens when only its sessions are ended', async () => {
    const ids = await family(now());
    await opened.domain.identity.raiseSessionEpoch(accountId);
    expect(await aliveOf(ids)).toEqual(ALL.filter((name) => name !== 'session'));
  });

  it('is dead while the account is disabled', async () => {
    const ids = await family(now());
    await opened.domain.identity.setStatus(accountId, 'disabled');
    expect(await aliveOf(ids)).toEqual([]);
  });

  it('is counted as it is ended, once', async () => {
    const ids = await family(now());
    await opened.domain.grants.spend('AuthorizationCode', { id: ids.code });
    const what = { sessions: true, tokens: true };
    expect(await opened.domain.grants.endAccount(accountId, what)).toEqual({
      sessions: 1,
      grants: 1,
      tokens: 2,
    });
    expect(await aliveOf(ids)).toEqual([]);
    expect(await opened.domain.grants.endAccount(accountId, what)).toEqual({
      sessions: 0,
      grants: 0,
      tokens: 0,
    });
  });

  it('ends with an epoch that moved as expected, but for the session that has just proven itself', async () => {
    const { identity, grants } = opened.domain;
    const owner = await newAccount();
    const payload = (uid: string, at: number) => ({ uid, accountId: owner, loginTs: at });
    const [keptUid, otherUid] = [bearer(), bearer()];
    const at = now() - 100;
    const kept = await save('Session', { ...payload(keptUid, at), acr: 'two', theirs: 1 });
    const other = await save('Session', payload(otherUid, at));
    const grant = await save('Grant', { accountId: owner, clientId }, 600, at);
    const epoch = (await identity.findAccount(owner))?.securityEpoch ?? -1;

    expect(await identity.advanceSecurityEpoch(owner, epoch + 1)).toBeUndefined();
    const provenAt = (await identity.advanceSecurityEpoch(owner, epoch)) ?? 0;
    expect(provenAt).toBeGreaterThanOrEqual(now());
    expect(await identity.advanceSecurityEpoch(owner, epoch)).toBeUndefined();
    const login = { at: provenAt, acr: 'one', amr: ['pwd'] };
    expect(await grants.endOthers(owner, keptUid, login)).toEqual({
      ...{ kept: true, sessions: 1, grants: 1, tokens: 0 },
    });
    expect((await find(kept))?.payload).toMatchObject({
      ...{ loginTs: provenAt, acr: 'one', amr: ['pwd'], theirs: 1 },
    });
    expect(await find(other)).toBeUndefined();
    expect(await find(grant)).toBeUndefined();

    // A request that was under way saves what it had read; the log-in does not go back.
    await grants.save('Session', { id: kept }, { iat: at, ...payload(keptUid, at) }, 600);
    expect((await find(kept))?.payload).toMatchObject({ loginTs: provenAt });
    await grants.save('Session', { id: other }, { iat: at, ...payload(otherUid, at) }, 600);
    expect(await find(other)).toBeUndefined();
    expect((await grants.endOthers(await newAccount(), keptUid, login)).kept).toBe(false);
  });

  it('hangs on its grant: tokens of an ended, expired or stolen grant are dead', async () => {
    const ended = await family(now());
    await opened.domain.grants.remove('Grant', { id: ended.grant });
    expect(await aliveOf(ended)).toEqual(['session']);

    const revoked = await family(now());
    await opened.domain.grants.removeByGrant(revoked.grant);
    expect(await aliveOf(revoked)).toEqual(['grant', 'session']);

    const mine = await family(now());
    const other = await newAccount();
    const theirs = await save('AccessToken', { accountId: other, clientId, grantId: mine.grant });
    expect(await find(theirs)).toBeUndefined();
  });

  it('of an account that is not there is dead', async () => {
    expect(await find(await save('AccessToken', { accountId: randomUUID(), clientId }))).toBe(
      undefined,
    );
  });
});

describe('what a client was given', () => {
  it('dies when the client is disabled, and stays dead when it is enabled again', async () => {
    const id = `client-${randomUUID()}`;
    await addClient(opened, id);
    const before = await save('ClientCredentials', { clientId: id });
    expect(await find(before)).toBeDefined();
    await opened.domain.clients.setStatus(id, 'disabled');
    expect(await find(before)).toBeUndefined();
    expect(await find(await save('ClientCredentials', { clientId: id }))).toBeUndefined();
    await opened.domain.clients.setStatus(id, 'active');
    expect(await find(before)).toBeUndefined();
    const later = await save('ClientCredentials', { clientId: id, iat: now() + 3 });
    expect(await find(later)).toBeDefined();
  });

  it('is not found for a client nobody registered', async () => {
    expect(await find(await save('ClientCredentials', { clientId: 'nobody' }))).toBeUndefined();
  });
});

describe('a stolen dump', () => {
  it('holds no bearer value and nothing that was typed', async () => {
    const marks: string[] = [];
    const mark = () => {
      const value = bearer();
      marks.push(value);
      return value;
    };
    for (const kind of ['Session', 'AccessToken', 'RefreshToken', 'AuthorizationCode'] as const) {
      const id = mark();
      await opened.domain.grants.save(kind, { id }, { jti: id, iat: now() }, 600);
    }
    for (const kind of ['Interaction', 'PushedAuthorizationRequest'] as const) {
      const id = mark();
      const payload = { jti: id, params: { login_hint: mark() }, session: { cookie: mark() } };
      await opened.domain.grants.save(kind, { id }, payload, 600);
      expect((await find(id))?.payload).toMatchObject({ params: payload.params });
    }
    const userCode = `WDJB-${mark().slice(0, 8)}`;
    marks.push(userCode);
    const id = mark();
    const payload = { userCode, jti: id, params: { login_hint: mark() }, clientId };
    await opened.domain.grants.save('DeviceCode', { id }, { iat: now(), ...payload }, 600);
    expect((await opened.domain.grants.findByUserCode(userCode))?.payload).toMatchObject({
      params: payload.params,
    });
    const text = await dump();
    for (const value of marks) {
      expect(text).not.toContain(value);
      expect(text).not.toContain(Buffer.from(value).toString('hex'));
    }
  });

  it('put back with one row’s content in another is noticed', async () => {
    const [one, two] = [await save('Interaction'), await save('Interaction')];
    await opened.sql(
      `UPDATE artifacts SET sealed_payload =
         (SELECT sealed_payload FROM artifacts WHERE id_hash = sha256($1::text::bytea))
        WHERE id_hash = sha256($2::text::bytea)`,
      [one, two],
    );
    await expect(find(two)).rejects.toThrow(SealBroken);
    expect(await find(one)).toBeDefined();
  });

  it('does not hinder device codes from before a keyring rotation', async () => {
    const [old, fresh] = [masterKey('old'), masterKey('new')];
    const before = await openDomain({ keys: [old] });
    const after = await openDomain({ like: before, keys: [fresh, old] });
    try {
      await addClient(before, clientId);
      const payload = { userCode: 'WDJB-MJHT', clientId, iat: now() };
      await before.domain.grants.save('DeviceCode', { id: bearer() }, payload, 600);
      const found = await after.domain.grants.findByUserCode('WDJB-MJHT');
      expect(found?.payload).toMatchObject({ clientId });
    } finally {
      await after.close();
      await before.close();
    }
  });
});

describe('the purge', () => {
  it('takes what expired over an hour ago, no more at a time than it was told', async () => {
    const own = await openDomain();
    try {
      const insert = (count: number, age: string) =>
        own.sql(
          `INSERT INTO artifacts (id_hash, kind, payload, auth_at, issued_at, expires_at)
           SELECT sha256((n || $2)::bytea), 'AccessToken', '{}', 0, 0, now() - $2::interval
             FROM generate_series(1, $1) AS n`,
          [count, age],
        );
      await insert(25, '61 minutes');
      await insert(7, '59 minutes');
      await insert(3, '-1 minute');
      const { grants } = own.domain;
      expect(await grants.purgeExpired(10)).toBe(10);
      // Two nodes at the same moment share the rest instead of waiting for each other.
      const shares = await Promise.all([grants.purgeExpired(10), grants.purgeExpired(10)]);
      expect(shares.reduce((sum, n) => sum + n, 0)).toBeGreaterThanOrEqual(10);
      while ((await grants.purgeExpired(10)) > 0);
      expect(await own.sql('SELECT count(*)::int AS n FROM artifacts')).toEqual([{ n: 10 }]);
    } finally {
      await own.close();
    }
  });
});
