/**
 * Device codes (RFC 8628): the one kind of artifact that two people may work on at once, and that
 * is found by another value than its own. It is answered in steps, and each step is taken once:
 *
 * 0 given out to a device → 1 confirmed in one browser, whose owner may have to sign in → 2
 * answered. It may be refused at the first step as well. Requests for an approval (CIBA) know the
 * first and the last of these steps.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Keyring } from '../../kernel/keyring.js';
import type { Bytes } from '../../kernel/sealed-box.js';
import type { ArtifactKind, Payload } from './kinds.js';
import type { Polling } from './store.js';

/** How long a device waits between two polls, unless it was told to slow down. */
export const POLL_SECONDS = 5;

/**
 * A device adds five seconds each time it is told to slow down (RFC 8628 section 3.5), so the
 * server never asks for more than it does. Beyond a minute nobody would be spared anything.
 */
export const devicePolling: Polling = { first: POLL_SECONDS, more: 5, most: 60 };

type Steps = { readonly stage: number | null; readonly fromStage: number | null };

/** The step that a payload stands for, and the one it may follow. */
export function stageOf(kind: ArtifactKind, payload: Payload): Steps {
  if (kind === 'BackchannelAuthenticationRequest') {
    const answered = payload.grantId !== undefined || payload.error !== undefined;
    return { stage: answered ? 2 : 0, fromStage: 0 };
  }
  if (kind !== 'DeviceCode') return { stage: null, fromStage: null };
  const confirmed = payload.inFlight === true;
  if (payload.accountId !== undefined || payload.error !== undefined) {
    return { stage: 2, fromStage: confirmed ? 1 : 0 };
  }
  return { stage: confirmed ? 1 : 0, fromStage: 0 };
}

const PREFIX = 'device-code.';

/**
 * Names for codes whose value is not known, because somebody typed the short one. The next step
 * may be taken at another node, so it is no secret of one process; it is no secret at all, but
 * nobody can make one without the keyring.
 */
export function deviceHandles(keyring: Keyring) {
  const proofs = (idHash: string) =>
    keyring.blindIndexes('device-handle', idHash).map(({ index }) => index);
  return {
    write(idHash: Bytes): string {
      const name = Buffer.from(idHash).toString('base64url');
      const [proof] = proofs(name);
      return `${PREFIX}${name}.${Buffer.from(proof ?? []).toString('base64url')}`;
    },

    read(handle: string): { readonly idHash: Bytes } | undefined {
      if (!handle.startsWith(PREFIX)) return undefined;
      const [name = '', proof = ''] = handle.slice(PREFIX.length).split('.');
      const presented = Buffer.from(proof, 'base64url');
      const genuine = proofs(name).some(
        (expected) => presented.length === expected.length && timingSafeEqual(presented, expected),
      );
      return genuine ? { idHash: new Uint8Array(Buffer.from(name, 'base64url')) } : undefined;
    },
  };
}
