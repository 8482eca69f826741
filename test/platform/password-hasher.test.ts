/** Password hashing as its callers see it, with a real hashing process behind it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { loadArgon2, loadNodeRs, loadReference } from '../../src/platform/argon2-binding.js';
import { type PasswordHasher, startPasswordHasher } from '../../src/platform/password-hasher.js';
import { cheap, outcome, start } from './password-hasher-support.js';

describe('a password', () => {
  let hasher: PasswordHasher;

  // A busy machine may take its time; shedding has tests of its own.
  beforeEach(() => {
    hasher = start({ maxWaitMs: 60_000 });
  });

  it('is recognised, and another one is not', async () => {
    const phc = await hasher.hash('correct horse battery staple');
    expect(phc).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(await hasher.verify(phc, 'correct horse battery staple')).toBe(true);
    expect(await hasher.verify(phc, 'correct horse battery staplf')).toBe(false);
    expect(await hasher.verify(phc, '')).toBe(false);
  });

  it('has another salt each time', async () => {
    expect(await hasher.hash('same')).not.toBe(await hasher.hash('same'));
  });

  it('may be in any script, and is never cut at a NUL or at 72 bytes', async () => {
    for (const password of ['пароль 密码 🔑', 'a\u0000b', `${'x'.repeat(100)}1`]) {
      const phc = await hasher.hash(password);
      expect(await hasher.verify(phc, password)).toBe(true);
      expect(await hasher.verify(phc, password.slice(0, -1))).toBe(false);
    }
    expect(await hasher.verify(await hasher.hash('a\u0000b'), 'a\u0000c')).toBe(false);
  });

  it('of more than 512 bytes is refused without hashing', async () => {
    const long = '€'.repeat(171);
    expect(await outcome(hasher.hash(long))).toBe('validation_failed');
    const phc = await hasher.hash('short');
    const verification = hasher.verify(phc, 'x'.repeat(1_000_000));
    expect(hasher.stats()).toMatchObject({ queued: 0, running: 0 });
    expect(await verification).toBe(false);
  });
});

it('starts no process before there is something to hash, where it is told so', async () => {
  const hasher = start({ onDemand: true, maxWaitMs: 60_000 });
  expect(hasher.stats()).toMatchObject({ queued: 0, running: 0, pid: undefined });
  expect(hasher.needsRehash(hasher.dummyHash)).toBe(false);
  const phc = await hasher.hash('correct horse battery staple');
  expect(hasher.stats().pid).toBeGreaterThan(0);
  expect(await hasher.verify(phc, 'correct horse battery staple')).toBe(true);
  await hasher.close();
  // One that was never asked has nothing to end.
  const idle = start({ onDemand: true });
  await idle.close();
  expect(idle.stats().pid).toBeUndefined();
  await expect(idle.hash('too late')).rejects.toMatchObject({ code: 'overloaded' });
});

describe('a stored hash', () => {
  it('asks for a rehash when its parameters are not those of today', async () => {
    const today = start({ parameters: cheap });
    const yesterday = start({ parameters: { ...cheap, timeCost: 2 } });
    expect(today.needsRehash(await today.hash('p'))).toBe(false);
    expect(today.needsRehash(await yesterday.hash('p'))).toBe(true);
    expect(today.needsRehash('not a hash')).toBe(true);
    expect(await today.verify(await yesterday.hash('p'), 'p')).toBe(true);
  });

  it('that is malformed or absurdly dear is never run', async () => {
    const refused: string[] = [];
    const hasher = start({ parameters: cheap, onRefused: (reason) => refused.push(reason) });
    const phc = await hasher.hash('p');
    const poisoned = [
      '',
      'p',
      '$2b$10$abcdefghijklmnopqrstuuu',
      // 41 characters are no base64; 42 would be, of one byte less, one time in sixteen.
      phc.slice(0, -2),
      `${phc} `,
      phc.replace('argon2id', 'argon2d'),
      phc.replace('v=19', 'v=16'),
      phc.replace('m=64', 'm=4294967295'),
      phc.replace('m=64', 'm=0'),
      phc.replace('t=1', 't=101'),
      phc.replace('m=64,t=1', 'm=1048576,t=100'),
      phc.replace('p=1', 'p=255'),
      phc.replace(/[^$]{43}$/, 'AAAA'),
    ];
    const started = performance.now();
    for (const row of poisoned) expect(await hasher.verify(row, 'p'), row).toBe(false);
    // The dear ones take minutes; what stands in for them is asked of a process that yields to all.
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(refused).toHaveLength(poisoned.length);
    expect(refused.join()).not.toContain('$');
    expect(await hasher.verify(phc, 'p')).toBe(true);
  });

  it('is never written with parameters that would be refused later', () => {
    const absurd = { ...cheap, memoryCost: 2 ** 21 };
    expect(() => startPasswordHasher({ parameters: absurd })).toThrow(RangeError);
  });
});

describe('the two argon2 libraries', () => {
  it('verify what the other one wrote', async () => {
    const bindings = [await loadNodeRs(), await loadReference()];
    for (const parameters of [cheap, { memoryCost: 19_456, timeCost: 2, parallelism: 1 }]) {
      for (const writer of bindings) {
        const phc = await writer.hash('пароль 🔑', parameters);
        for (const reader of bindings) {
          expect(await reader.verify(phc, 'пароль 🔑')).toBe(true);
          expect(await reader.verify(phc, 'пароль')).toBe(false);
        }
      }
    }
  });

  it('stand in for each other, and the absence of both is one clear error', async () => {
    const missing = () => Promise.reject(new Error('no prebuild for this platform'));
    expect((await loadArgon2([missing, loadReference])).library).toBe('argon2');
    await expect(loadArgon2([missing, missing])).rejects.toThrow(/no argon2 library works here/);
    const liar = { ...(await loadReference()), verify: async () => true };
    expect((await loadArgon2([async () => liar, loadNodeRs])).library).toBe('node-rs');
  });
});

describe('a name nobody has', () => {
  it('costs as much time as a wrong password, and so does an unusable row', async () => {
    const hasher = start({ concurrency: 1 });
    const real = await hasher.hash('somebody');
    const times = { real: [] as number[], dummy: [] as number[], broken: [] as number[] };
    const stored = { real, dummy: hasher.dummyHash, broken: 'garbage' };
    for (let round = 0; round < 25; round += 1) {
      for (const kind of ['real', 'dummy', 'broken'] as const) {
        const started = performance.now();
        expect(await hasher.verify(stored[kind], 'a guess')).toBe(false);
        times[kind].push(performance.now() - started);
      }
    }
    const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1] ?? 0;
    for (const kind of ['dummy', 'broken'] as const) {
      const ratio = median(times[kind]) / median(times.real);
      expect(ratio, kind).toBeGreaterThan(0.6);
      expect(ratio, kind).toBeLessThan(1.6);
    }
  });
});

describe('a flood', () => {
  it('is shed, never answered wrongly, and over when it is over', async () => {
    const hasher = start({ concurrency: 1, maxQueue: 5 });
    const phc = await hasher.hash('right');
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        outcome(hasher.verify(phc, i % 2 === 0 ? 'right' : 'wrong')),
      ),
    );
    expect(answers.slice(0, 6)).toEqual([true, false, true, false, true, false]);
    expect(answers.slice(6)).toEqual(Array.from({ length: 94 }, () => 'overloaded'));
    expect(hasher.stats()).toMatchObject({ queued: 0, running: 0 });
    expect(await hasher.verify(phc, 'right')).toBe(true);
  });

  it('does not keep anybody waiting longer than allowed', async () => {
    const hasher = start({ concurrency: 1, maxWaitMs: 30 });
    await hasher.ready();
    const phc = await hasher.hash('right');
    const started = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const answer = await outcome(hasher.verify(phc, 'right'));
        return { answer, ms: performance.now() - started };
      }),
    );
    expect(new Set(answers.map(({ answer }) => answer))).toEqual(new Set([true, 'overloaded']));
    // Waiting is what is bounded; how long a hash takes is the machine's affair.
    const refused = answers.filter(({ answer }) => answer === 'overloaded');
    expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(1_000);
  });
});
