/**
 * Who signs, who is published, who comes next: the rules of succession, pure.
 *
 * Of each algorithm one key is *current*: the newest, without a date of leaving. The one that
 * *signs* is the newest whose time has come, so for ten minutes after a rotation that is still
 * the one before.
 */
import type { SigningKeyRow } from './store.js';

/** Caches of JWKS are told 300 s; twice that and nobody meets a signature before its key. */
export const PUBLISH_AHEAD_SECONDS = 600;
/** ID tokens come back as logout hints for as long as a session lives (30 days at most). */
export const KEEP_PUBLISHED_SECONDS = 31 * 24 * 3600;
/** After an emergency the set may change again; until then nobody is to keep it for long. */
export const UNSETTLED_SECONDS = 600;

export type KeyState = 'upcoming' | 'signing' | 'retiring' | 'revoked';

/**
 * Published keys, the one that signs first: the host takes the first that fits. A revoked key is
 * out whatever a node's clock says.
 */
export function publishedOf(rows: readonly SigningKeyRow[], now: Date): SigningKeyRow[] {
  const rank = (row: SigningKeyRow) => (row.activeFrom <= now ? 0 : 1);
  // With no key whose time has come, the one that comes next signs: a node whose clock is behind
  // must not be left without one after an emergency.
  const order = (a: SigningKeyRow, b: SigningKeyRow) =>
    rank(a) === 0
      ? b.activeFrom.getTime() - a.activeFrom.getTime()
      : a.activeFrom.getTime() - b.activeFrom.getTime();
  return rows
    .filter((row) => !row.revokedAt && (row.publishedUntil === null || row.publishedUntil > now))
    .sort((a, b) => rank(a) - rank(b) || order(a, b));
}

/** The state of each published key, in the order of `publishedOf`. */
export function statesOf(published: readonly SigningKeyRow[], now: Date): KeyState[] {
  const signing = new Set<string>();
  return published.map((row) => {
    if (row.activeFrom > now) return 'upcoming';
    if (signing.has(row.alg)) return 'retiring';
    signing.add(row.alg);
    return 'signing';
  });
}

/** The key of an algorithm that has no date of leaving. */
export const isCurrent = (row: SigningKeyRow) => row.publishedUntil === null && !row.revokedAt;

/** When the set of keys next changes by itself. */
export function nextChangeOf(published: readonly SigningKeyRow[], now: Date): Date | undefined {
  return published
    .flatMap((row) => [row.activeFrom, row.publishedUntil])
    .filter((date): date is Date => date !== null && date > now)
    .sort((a, b) => a.getTime() - b.getTime())[0];
}
