/** Payload ↔ row: strips what must not be stored, seals what must not be read. */
import { hkdfSync } from 'node:crypto';
import type { Keyring } from '../../kernel/keyring.js';
import { type Bytes, openBox, sealBox } from '../../kernel/sealed-box.js';
import { type ArtifactKind, keepingOf, type Payload } from './kinds.js';

const PURPOSE = 'artifact-payload';
const SEALED_DETAILS = 'sealedDetails';

export type StoredPayload = { payload: Payload | null; sealedPayload: Bytes | null };

/**
 * The stored form. `jti` repeats the bearer value, `userCode` is one, `kind` is a column.
 * `id` is undefined only for artifacts reached by another way than their own value.
 */
export function packPayload(
  keyring: Keyring,
  kind: ArtifactKind,
  id: string | undefined,
  payload: Payload,
): StoredPayload {
  const { jti: _jti, userCode: _userCode, kind: _kind, ...kept } = payload;
  switch (keepingOf(kind)) {
    case 'plain':
      return { payload: hideDetails(keyring, kind, kept), sealedPayload: null };
    case 'sealed-by-id':
      if (id === undefined) throw new Error(`${kind} can only be stored under its own value`);
      return { payload: null, sealedPayload: sealBox(keyFromId(id), JSON.stringify(kept), kind) };
    case 'sealed-by-keyring':
      return {
        payload: null,
        sealedPayload: keyring.seal(PURPOSE, JSON.stringify(kept), kind),
      };
  }
}

/** The reverse of `packPayload`. Throws `SealBroken` when the row was tampered with. */
export function unpackPayload(
  keyring: Keyring,
  kind: ArtifactKind,
  id: string | undefined,
  stored: { payload: Payload | null; sealedPayload: Uint8Array | null },
): Payload {
  if (!stored.sealedPayload) return { ...showDetails(keyring, kind, stored.payload ?? {}), kind };
  const opened =
    keepingOf(kind) === 'sealed-by-id'
      ? openBox(keyFromId(id ?? ''), stored.sealedPayload, kind)
      : keyring.open(PURPOSE, stored.sealedPayload, kind);
  return { ...(JSON.parse(opened.toString('utf8')) as Payload), kind };
}

/**
 * Authorization details (RFC 9396) say what somebody buys and for how much. They are sealed by
 * themselves, because most tokens have none and all of them are read on every request.
 */
function hideDetails(keyring: Keyring, kind: ArtifactKind, payload: Payload): Payload {
  const { rar, ...rest } = payload;
  if (rar === undefined) return payload;
  const box = keyring.seal(PURPOSE, JSON.stringify(rar), `${kind} details`);
  return { ...rest, [SEALED_DETAILS]: Buffer.from(box).toString('base64url') };
}

function showDetails(keyring: Keyring, kind: ArtifactKind, payload: Payload): Payload {
  const { [SEALED_DETAILS]: sealed, ...rest } = payload;
  if (typeof sealed !== 'string') return payload;
  const opened = keyring.open(PURPOSE, Buffer.from(sealed, 'base64url'), `${kind} details`);
  return { ...rest, rar: JSON.parse(opened.toString('utf8')) as unknown };
}

// The bearer value has 256 bits of its own: no stretching is needed, only separation from the
// digest that is stored beside it.
function keyFromId(id: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', id, 'latchkey', PURPOSE, 32));
}
