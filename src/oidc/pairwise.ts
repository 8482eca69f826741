/**
 * Pairwise subjects (OpenID Connect Core 8.1): each sector knows a person under a name of its own,
 * so that two partners cannot put together what they know.
 */
import { createHmac } from 'node:crypto';
import type { HostClient } from './clients.js';

/** The name of an account towards a sector; always the same, and it leads back to nobody. */
export type PairwiseSubject = (sector: string, accountId: string) => string;

/**
 * @param secret made once for a database and kept as long as it: another one gives everybody
 *   another name, and every partner's shoppers are strangers
 */
export function createPairwiseSubject(secret: Uint8Array): PairwiseSubject {
  return (sector, accountId) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([sector, accountId]))
      .digest('base64url');
}

/** The name by which a client knows an account. */
export const subjectOf = (
  client: HostClient,
  accountId: string,
  pairwiseSubject: PairwiseSubject,
): string =>
  client.subjectType === 'pairwise' ? pairwiseSubject(sectorOf(client), accountId) : accountId;

/** Clients with the same host, or the same `sector_identifier_uri`, share a sector. */
export function sectorOf(client: unknown): string {
  const { sectorIdentifier, clientId } = client as HostClient & { sectorIdentifier?: string };
  return sectorIdentifier ?? `client:${clientId}`;
}
