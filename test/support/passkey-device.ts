/**
 * A device with passkeys, in software: makes key pairs and signs as an authenticator and a browser
 * do together (WebAuthn level 3, sections 6 and 7), and can be told to do it wrongly.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

export type Lie = {
  /** The page that asks. */
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  readonly type?: string;
  readonly crossOrigin?: boolean;
  /** Nobody proved to be the owner of the device. */
  readonly unverified?: boolean;
  readonly signCount?: number;
  readonly userHandle?: string;
  /** Another key signs. */
  readonly forged?: boolean;
};

type Created = { readonly challenge: string; readonly user: { readonly id: string } };
type Requested = { readonly challenge: string };

const encode = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url');
const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest();
const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

const PRESENT = 0x01;
const VERIFIED = 0x04;
const NEW_KEY = 0x40;

export type PasskeyDevice = ReturnType<typeof passkeyDevice>;

export function passkeyDevice(issuer: string) {
  const { origin: home, hostname } = new URL(issuer);
  const id = randomBytes(32);
  const { publicKey, privateKey } = newKeys();
  let userHandle = '';
  let count = 0;

  function clientData(type: string, asked: string, lie: Lie): Buffer {
    const { challenge = asked, origin = home, crossOrigin = false } = lie;
    return Buffer.from(JSON.stringify({ type: lie.type ?? type, challenge, origin, crossOrigin }));
  }

  function authenticatorData(flags: number, lie: Lie, rest: Uint8Array = Buffer.alloc(0)): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(lie.signCount ?? count);
    const seen = PRESENT | (lie.unverified ? 0 : VERIFIED) | flags;
    return Buffer.concat([sha256(lie.rpId ?? hostname), Buffer.from([seen]), counter, rest]);
  }

  return {
    id: encode(id),

    /** Answers to being asked for a new passkey. */
    create(options: object, lie: Lie = {}): string {
      const asked = options as Created;
      userHandle = asked.user.id;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const key = Buffer.concat([Buffer.alloc(16), length, id, cose(publicKey)]);
      const attestation = isoCBOR.encode(
        new Map<string, unknown>([
          ['fmt', 'none'],
          ['attStmt', new Map()],
          ['authData', new Uint8Array(authenticatorData(NEW_KEY, lie, key))],
        ]) as never,
      );
      return JSON.stringify({
        id: encode(id),
        rawId: encode(id),
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: encode(clientData('webauthn.create', asked.challenge, lie)),
          attestationObject: encode(attestation),
          transports: ['internal', 'carrier-pigeon'],
        },
      });
    },

    /** Answers to being asked to sign. */
    sign(options: object, lie: Lie = {}): string {
      count += 1;
      const data = authenticatorData(0, lie);
      const client = clientData('webauthn.get', (options as Requested).challenge, lie);
      const key = lie.forged ? newKeys().privateKey : privateKey;
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), key);
      return JSON.stringify({
        id: encode(id),
        rawId: encode(id),
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON: encode(client),
          authenticatorData: encode(data),
          signature: encode(signature),
          userHandle: lie.userHandle ?? userHandle,
        },
      });
    },
  };
}

/** An ES256 key as a COSE_Key (RFC 9053 section 7.1). */
function cose(key: KeyObject): Uint8Array {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const map = new Map<number, unknown>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, new Uint8Array(Buffer.from(x, 'base64url'))],
    [-3, new Uint8Array(Buffer.from(y, 'base64url'))],
  ]);
  return isoCBOR.encode(map as never);
}
