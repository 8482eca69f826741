/** An artifact and its row: what of it is stored where, and what a row that was found means. */
import { digest } from '../../kernel/ids.js';
import type { Keyring } from '../../kernel/keyring.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import { stageOf } from './device-codes.js';
import { type ArtifactKey, type ArtifactKind, outlivesExpiry, type Payload } from './kinds.js';
import { packPayload, unpackPayload } from './payload.js';
import type { ArtifactRow, NewArtifact } from './store.js';

/** An artifact that still counts. */
export type Artifact = {
  readonly kind: ArtifactKind;
  readonly idHash: Bytes;
  /** With `consumed` (seconds) when it was spent. */
  readonly payload: Payload;
  /** A spent refresh token: whether it was spent within its client's grace (database time). */
  readonly inGrace: boolean;
  /** The grant it hangs on; it has the same owner and is alive as well. */
  readonly grant: Payload | undefined;
  readonly grantHash: Bytes | undefined;
  /** The tokens it was made from, the first one first (RFC 8693); they are alive as well. */
  readonly restsOn: readonly Bytes[];
};

/** What a token that is made from others hangs on: whatever ends one of them ends it. */
export type Delegation = Pick<Artifact, 'restsOn'> & Partial<Pick<Artifact, 'grantHash'>>;

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
const seconds = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? Math.floor(value) : undefined;

export function artifactRows(keyring: Keyring) {
  const hashOf = (key: ArtifactKey): Bytes => ('id' in key ? digest(key.id) : key.idHash);

  // A user code has 34 bits: its plain digest could be tried out within its ten minutes.
  const userCodeHashes = (userCode: string): readonly Bytes[] =>
    keyring.blindIndexes('user-code', userCode).map(({ index }) => index);

  const rowOf = (
    kind: ArtifactKind,
    key: ArtifactKey,
    payload: Payload,
    ttlSeconds: number,
    { authAt, delegation }: { authAt?: number | undefined; delegation?: Delegation } = {},
  ): NewArtifact => {
    const issuedAt = seconds(payload.iat) ?? 0;
    const grantId = text(payload.grantId);
    const userCode = text(payload.userCode);
    const owned = kind !== 'Interaction' && kind !== 'PushedAuthorizationRequest';
    return {
      kind,
      idHash: hashOf(key),
      ...packPayload(keyring, kind, 'id' in key ? key.id : undefined, payload),
      accountId: (owned && text(payload.accountId)) || null,
      clientId: text(payload.clientId) ?? null,
      grantHash: owned && grantId ? digest(grantId) : (delegation?.grantHash ?? null),
      restsOn: delegation?.restsOn ?? [],
      uid: kind === 'Session' ? (text(payload.uid) ?? null) : null,
      userCodeHash: userCode ? (userCodeHashes(userCode)[0] ?? null) : null,
      authAt: seconds(payload.loginTs) ?? seconds(payload.authTime) ?? authAt ?? issuedAt,
      issuedAt,
      ttlSeconds,
      ...stageOf(kind, payload),
    };
  };

  const present = (row: ArtifactRow | undefined, id?: string): Artifact | undefined => {
    if (!row || (row.expired && !outlivesExpiry(row.kind))) return undefined;
    // A gravestone: ended for good, unlike a spent token, which must be known when it comes back.
    if (row.kind === 'Session' && row.consumedAt !== null) return undefined;
    const payload = unpackPayload(keyring, row.kind, id, row);
    if (row.consumedAt !== null) payload.consumed = row.consumedAt;
    // Over by the database's clock is over, whatever this node's clock says.
    if (row.expired) payload.exp = 1;
    return {
      kind: row.kind,
      idHash: new Uint8Array(row.idHash),
      payload,
      inGrace: row.inGrace,
      grant: row.grantPayload ? { ...row.grantPayload, kind: 'Grant' } : undefined,
      grantHash: row.grantHash ? new Uint8Array(row.grantHash) : undefined,
      restsOn: row.restsOn.map((hash) => new Uint8Array(hash)),
    };
  };

  return { hashOf, userCodeHashes, rowOf, present };
}
