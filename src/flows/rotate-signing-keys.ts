/** Makes the first signing keys, and their successors. */
import type { Actor } from '../domain/audit/index.js';
import { generateSigningKey, signingAlgs } from '../domain/keys/index.js';
import type { FlowParts } from './domain.js';

/** Makes one key of each algorithm if there are none; whichever node comes first wins. */
export function createEnsureSigningKeys({ domain, transact }: FlowParts): () => Promise<void> {
  return async () => {
    if ((await domain.keys.list()).length > 0) return;
    const fresh = await Promise.all(signingAlgs.map((alg) => generateSigningKey(alg)));
    await transact(async ({ keys, audit }) => {
      if (!(await keys.lockAndAskIfEmpty())) return;
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
      await keys.lockAndAskIfEmpty();
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
