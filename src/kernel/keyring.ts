/**
 * The operator's master keys: newest first, each with an id. New values are sealed under the
 * newest; a box names its key, so older ones still open after a rotation. Nothing is sealed
 * with a master key itself: each purpose has its own key derived from it (HKDF, RFC 5869).
 */
import { createHmac, hkdfSync } from 'node:crypto';
import { AppError } from './errors.js';
import { type Bytes, openBox, SealBroken, sealBox } from './sealed-box.js';

export type KeyringEntry = { readonly id: string; readonly key: Uint8Array };

export type Keyring = {
  /** Seals under the newest key. `purpose` separates keys, `context` binds to the row. */
  seal(purpose: string, plaintext: Uint8Array | string, context: string): Bytes;
  /** Opens a box sealed under any key of the ring; `AppError` if its key is not there. */
  open(purpose: string, box: Uint8Array, context: string): Buffer;
  /** HMAC-SHA-256 under each key of the ring, newest first: a blind index. */
  blindIndexes(purpose: string, value: string): readonly { keyId: string; index: Bytes }[];
};

/** A keyring over `entries`, newest first. Throws if there is none or an id is used twice. */
export function createKeyring(entries: readonly KeyringEntry[]): Keyring {
  const newest = entries[0];
  if (!newest) throw new Error('A keyring needs at least one key');
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  if (byId.size !== entries.length) throw new Error('A keyring must not repeat a key id');

  const derived = new Map<string, Uint8Array>();
  const keyFor = (entry: KeyringEntry, purpose: string): Uint8Array => {
    const name = `${entry.id}\0${purpose}`;
    let key = derived.get(name);
    if (!key) {
      key = new Uint8Array(hkdfSync('sha256', entry.key, 'latchkey', purpose, 32));
      derived.set(name, key);
    }
    return key;
  };

  return {
    seal(purpose, plaintext, context) {
      const id = Buffer.from(newest.id, 'utf8');
      const box = sealBox(keyFor(newest, purpose), plaintext, context);
      return new Uint8Array(Buffer.concat([Buffer.of(id.length), id, box]));
    },
    open(purpose, box, context) {
      const idLength = box[0] ?? 0;
      const id = Buffer.from(box.subarray(1, 1 + idLength)).toString('utf8');
      const entry = byId.get(id);
      if (!entry) {
        throw new AppError('internal', {
          detail: `A stored value is sealed under key "${id}", which is not in LATCHKEY_KEYRING`,
        });
      }
      try {
        return openBox(keyFor(entry, purpose), box.subarray(1 + idLength), context);
      } catch (cause) {
        throw new SealBroken(cause, `A value sealed under key "${id}" could not be opened`);
      }
    },
    blindIndexes(purpose, value) {
      return entries.map((entry) => ({
        keyId: entry.id,
        index: new Uint8Array(
          createHmac('sha256', keyFor(entry, purpose)).update(value, 'utf8').digest(),
        ),
      }));
    },
  };
}
