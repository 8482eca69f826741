/** Makes the first signing keys, and their successors. */
import { type Administrator, mayAdminister } from '../domain/access/index.js';
import type { Actor, Origin } from '../domain/audit/index.js';
import { generateSigningKey } from '../domain/keys/index.js';
import type { SigningAlg } from '../kernel/signing-algs.js';
import type { FlowParts } from './domain.js';
import { actorOf } from './revoke-access.js';

/** Several at once; before the transaction, because RSA keys take their time. */
export const generateKeys = (algs: readonly SigningAlg[]) =>
  Promise.all(algs.map((alg) => generateSigningKey(alg)));

/**
 * Makes a key of each algorithm that has none; whichever node comes first wins. They sign at
 * once: nobody can have been promised a signature under an algorithm that had no key.
 */
export function createEnsureSigningKeys({ domain, transact }: FlowParts): () => Promise<void> {
  return async () => {
    const missing = await domain.keys.missing();
    if (missing.length === 0) return;
    const made = await generateKeys(missing);
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

/**
 * Gives every algorithm a successor that is due for one. Judged again under the lock: of many
 * who find that at the same moment, one makes the set.
 */
async function succeed(
  { domain, transact }: FlowParts,
  asked: { readonly actor: Actor; readonly origin?: Origin; readonly days?: number },
): Promise<string[]> {
  const due = await domain.keys.rotatable(asked.days);
  if (due.length === 0) return [];
  const made = await generateKeys(due);
  return transact(async ({ keys, audit }) => {
    await keys.lock();
    const still = new Set(await keys.rotatable(asked.days));
    const fresh = made.filter((key) => still.has(key.alg));
    if (fresh.length === 0) return [];
    const kids = fresh.map((key) => key.kid);
    await keys.add(fresh);
    await audit.record({
      event: 'signing_keys_rotated',
      result: 'success',
      actor: asked.actor,
      ...(asked.origin ? { origin: asked.origin } : {}),
      details: { kids: kids.join(' '), scheduled: asked.days !== undefined },
    });
    return kids;
  });
}

export type RotateSigningKeysResult =
  | { readonly kind: 'rotated'; readonly kids: readonly string[] }
  /** Successors were on their way already; these. */
  | { readonly kind: 'under-way'; readonly kids: readonly string[] }
  | { readonly kind: 'forbidden' };

export type RotateSigningKeys = (input: {
  readonly administrator: Administrator;
  readonly origin?: Origin;
}) => Promise<RotateSigningKeysResult>;

/**
 * Publishes a successor of each algorithm; it starts to sign once every cache has seen it. While
 * successors wait for that no others are made: asking twice, or from two places, is harmless.
 */
export function createRotateSigningKeys(parts: FlowParts): RotateSigningKeys {
  return async ({ administrator, origin }) => {
    if (!mayAdminister(administrator, 'keys:rotate')) return { kind: 'forbidden' };
    const kids = await succeed(parts, {
      actor: actorOf(administrator),
      ...(origin ? { origin } : {}),
    });
    if (kids.length > 0) return { kind: 'rotated', kids };
    const upcoming = (await parts.domain.keys.list()).filter((key) => key.state === 'upcoming');
    return { kind: 'under-way', kids: upcoming.map((key) => key.kid) };
  };
}

/**
 * Rotates what has been signing for `days`, on whichever node looks first; 0 leaves rotation to
 * the command.
 *
 * @returns how many keys were made
 */
export function createRotateOnSchedule(
  parts: FlowParts & { readonly days: number },
): () => Promise<number> {
  return async () => {
    if (parts.days === 0) return 0;
    return (await succeed(parts, { actor: { kind: 'system' }, days: parts.days })).length;
  };
}
