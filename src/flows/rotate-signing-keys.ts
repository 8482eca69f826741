/** Makes the first signing keys, and their successors. */
import type { Actor } from '../domain/audit/index.js';
import { generateSigningKey } from '../domain/keys/index.js';
import { signingAlgs } from '../kernel/signing-algs.js';
import type { FlowParts } from './domain.js';

/**
 * Makes a key of each algorithm that has none; whichever node comes first wins. They sign at
 * once: nobody can have been promised a signature under an algorithm that had no key.
 */
export function createEnsureSigningKeys({ domain, transact }: FlowParts): () => Promise<void> {
  return async () => {
    const missing = await domain.keys.missing();
    if (missing.length === 0) return;
    const made = await Promise.all(missing.map((alg) => generateSigningKey(alg)));
    await transact(async ({ keys, audit }) => {
      await keys.lock();
      const still = new Set(await keys.missing());
      const fresh = made.filter((key) => still.has(key.alg));
      if (fresh.length === 0) return;
      await keys.add(fresh);
      await audit.record({
        event: 'signing_keys_created',
        result: 'success',
        actor: { kind: 'system' },
        details: { kids: fresh.map((key) => key.kid).join(' ') },
      });
    });
  };
}

export type RotateSigningKeys = (input: { actor: Actor }) => Promise<{ kids: string[] }>;

/** Publishes a successor of each algorithm; it starts to sign once every cache has seen it. */
export function createRotateSigningKeys({ transact }: FlowParts): RotateSigningKeys {
  return async ({ actor }) => {
    const fresh = await Promise.all(signingAlgs.map((alg) => generateSigningKey(alg)));
    const kids = fresh.map((key) => key.kid);
    await transact(async ({ keys, audit }) => {
      await keys.lock();
      await keys.add(fresh);
      await audit.record({
        event: 'signing_keys_rotated',
        result: 'success',
        actor,
        details: { kids: kids.join(' ') },
      });
    });
    return { kids };
  };
}
