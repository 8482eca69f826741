/** The proof of work and its patient alternative; every answer is bound, dated and signed. */
import { solveChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import {
  type BotChallenge,
  type Challenge,
  createBotChallenge,
} from '../../src/platform/challenge.js';

const here = { bindTo: 'interaction-one' };
const elsewhere = { bindTo: 'interaction-two' };
const little = { rounds: 10, from: 5, to: 20 };
const keys = new Secret(['the key of today', 'the key of yesterday']);

let later = 0;
// Stands still: what is given whole seconds to live has them, whenever the test begins.
const begun = Date.now();
const clock = { now: () => new Date(begun + later * 1000) };
const bots: BotChallenge = createBotChallenge({ keys, clock, work: little });

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

async function solve(challenge: Challenge) {
  const solution = await solveChallenge({ challenge, deriveKey });
  if (!solution) throw new Error('no solution');
  return {
    challenge: { parameters: challenge.parameters, signature: challenge.signature },
    solution,
  };
}

async function inSeconds<T>(seconds: number, work: () => T | Promise<T>): Promise<T> {
  later = seconds;
  try {
    return await work();
  } finally {
    later = 0;
  }
}

describe('the proof of work', () => {
  test('a solution is good for its own interaction and for no other', async () => {
    const payload = encode(await solve(await bots.createChallenge(here)));
    expect(await bots.verifySolution(payload, here)).toMatchObject({ kind: 'ok' });
    expect(await bots.verifySolution(payload, elsewhere)).toEqual({
      kind: 'refused',
      reason: 'elsewhere',
    });
  });

  test('one challenge has one hash to spend, however its solution is written down', async () => {
    const solved = await solve(await bots.createChallenge(here));
    const spellings = [
      encode(solved),
      encode({ ...solved, solution: { ...solved.solution, time: 1 }, more: 'of it' }),
      encode({ ...solved, solution: { ...solved.solution, counter: 0 } }),
      encode({ solution: solved.solution, challenge: { ...solved.challenge, codeChallenge: {} } }),
    ];
    const hashes = new Set<string>();
    for (const payload of spellings) {
      const answer = await bots.verifySolution(payload, here);
      if (answer.kind === 'ok') hashes.add(Buffer.from(answer.spend.hash).toString('hex'));
    }
    expect(hashes.size).toBe(1);
    const other = await bots.verifySolution(
      encode(await solve(await bots.createChallenge(here))),
      here,
    );
    expect(other.kind === 'ok' && hashes.has(Buffer.from(other.spend.hash).toString('hex'))).toBe(
      false,
    );
  });

  test('a challenge lasts five minutes, and is remembered for longer than that', async () => {
    const payload = encode(await solve(await bots.createChallenge(here)));
    const answer = await inSeconds(299, () => bots.verifySolution(payload, here));
    expect(answer).toMatchObject({ kind: 'ok' });
    expect(answer.kind === 'ok' && answer.spend.ttlSeconds).toBeGreaterThanOrEqual(60);
    expect(await inSeconds(301, () => bots.verifySolution(payload, here))).toEqual({
      kind: 'refused',
      reason: 'expired',
    });
  });

  test('nothing in a challenge can be made easier, and no work can be left out', async () => {
    const solved = await solve(await bots.createChallenge(here));
    const with_ = (change: object) =>
      encode({
        ...solved,
        challenge: {
          ...solved.challenge,
          parameters: { ...solved.challenge.parameters, ...change },
        },
      });
    const forged = { kind: 'refused', reason: 'forged' };
    const soon = Math.floor(begun / 1000) + 250;
    for (const change of [{ cost: 1 }, { keyPrefix: '00' }, { expiresAt: soon }, { salt: '00' }]) {
      expect(await bots.verifySolution(with_(change), here)).toEqual(forged);
    }
    const stranger = createBotChallenge({ keys: new Secret(['not ours']), clock, work: little });
    const foreign = encode(await solve(await stranger.createChallenge(here)));
    expect(await bots.verifySolution(foreign, here)).toEqual(forged);
    const guessed = `${solved.challenge.parameters.keyPrefix}${'0'.repeat(32)}`;
    for (const derivedKey of [guessed, 'zz', '', '00']) {
      const lazy = encode({ ...solved, solution: { counter: 7, derivedKey } });
      expect(await bots.verifySolution(lazy, here)).toEqual({
        kind: 'refused',
        reason: 'unsolved',
      });
    }
  });

  test('rubbish is refused at once', async () => {
    const deep = `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`;
    const rubbish = [
      '',
      'null',
      '!!!',
      encode(null),
      encode([]),
      encode({}),
      encode({ challenge: {}, solution: {} }),
      Buffer.from(deep).toString('base64'),
      'A'.repeat(50_000),
    ];
    const started = performance.now();
    for (const payload of rubbish) {
      expect(await bots.verifySolution(payload, here)).toEqual({
        kind: 'refused',
        reason: 'malformed',
      });
    }
    expect(performance.now() - started).toBeLessThan(200);
  });

  test('a challenge made before the keys were rotated still counts, and says so once', async () => {
    const yesterday = new Secret(['the key of yesterday']);
    const before = createBotChallenge({ keys: yesterday, clock, work: little });
    const payload = encode(await solve(await before.createChallenge(here)));
    expect(await bots.verifySolution(payload, here)).toMatchObject({ kind: 'ok' });
    expect(await bots.verifySolution(payload, elsewhere)).toMatchObject({ reason: 'elsewhere' });
    expect(bots.verifyPatience(before.createPatience(here), here)).toMatchObject({
      kind: 'too-early',
    });
  });

  test('the page learns nothing of the interaction from its challenge', async () => {
    const challenge = await bots.createChallenge(here);
    expect(JSON.stringify(challenge)).not.toContain(here.bindTo);
  });

  test('the real amount of work is bounded, and making a challenge is cheap', async () => {
    const real = createBotChallenge({ keys, clock });
    const started = performance.now();
    const { parameters } = await real.createChallenge(here);
    expect(performance.now() - started).toBeLessThan(500);
    expect(parameters).toMatchObject({ algorithm: 'PBKDF2/SHA-256', cost: 5_000, keyLength: 32 });
    expect(parameters.keyPrefix).toHaveLength(32);
  });
});

describe('patience', () => {
  test('is good after five seconds and for ten minutes', async () => {
    const token = bots.createPatience(here);
    const at = (seconds: number) => inSeconds(seconds, () => bots.verifyPatience(token, here));
    expect(await at(0)).toMatchObject({ kind: 'too-early' });
    expect(await at(3.5)).toMatchObject({ kind: 'too-early' });
    expect(await at(6)).toMatchObject({ kind: 'ok' });
    expect(await at(598)).toMatchObject({ kind: 'ok' });
    expect(await at(601)).toEqual({ kind: 'refused', reason: 'expired' });
  });

  test('is bound to its interaction, and cannot be dated back', async () => {
    const token = bots.createPatience(here);
    const [issuedAt = '', nonce, mac] = token.split('.');
    const older = `${Number(issuedAt) - 60}.${nonce}.${mac}`;
    const forged = { kind: 'refused', reason: 'forged' };
    expect(bots.verifyPatience(older, here)).toEqual(forged);
    expect(await inSeconds(10, () => bots.verifyPatience(token, elsewhere))).toEqual(forged);
    for (const rubbish of ['', 'a.b.c', `${token}x`, '9'.repeat(50_000)]) {
      expect(bots.verifyPatience(rubbish, here)).toEqual({ kind: 'refused', reason: 'malformed' });
    }
  });

  test('a token has one hash to spend, and every token its own', async () => {
    const token = bots.createPatience(here);
    const hashOf = async (text: string) => {
      const answer = await inSeconds(10, () => bots.verifyPatience(text, here));
      return answer.kind === 'ok' ? Buffer.from(answer.spend.hash).toString('hex') : answer.kind;
    };
    const hashes = [await hashOf(token), await hashOf(bots.createPatience(here))];
    expect(new Set(hashes).size).toBe(2);
    expect(await hashOf(token)).toBe(hashes[0]);
    // The last character carries two bits that decode to nothing.
    const last = token.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = alphabet[alphabet.indexOf(last) ^ 1] ?? '';
    expect(await hashOf(`${token.slice(0, -1)}${twin}`)).toBe(hashes[0]);
  });
});
