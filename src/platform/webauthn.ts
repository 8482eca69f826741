/**
 * The ceremonies of Web Authentication (W3C WebAuthn level 3, sections 7.1 and 7.2): what a
 * browser is asked, and whether its answer holds. Who the answer belongs to, and whether it has
 * been given before, is the credentials' business.
 */
import { z } from 'zod';
import type { Bytes } from '../kernel/sealed-box.js';

/** EdDSA, ES256, RS256 (RFC 9053, RFC 8812); every authenticator has one of them. */
const ALGORITHMS = [-8, -7, -257];
const TIMEOUT_MS = 5 * 60 * 1000;
// A credential id has 1023 bytes at most (section 7.1, step 25); the rest is generous.
const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/);
const credential = {
  id: base64url.min(1).max(1364),
  rawId: base64url.max(1364),
  type: z.literal('public-key'),
};
const registration = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url.max(4096),
    attestationObject: base64url.max(16_384),
    transports: z.array(z.string().max(32)).max(10).optional(),
  }),
});
const assertion = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url.max(4096),
    authenticatorData: base64url.max(4096),
    signature: base64url.max(4096),
    userHandle: base64url.max(128).nullish(),
  }),
});
const clientData = z.object({
  challenge: z.string().max(128),
  crossOrigin: z.boolean().optional(),
});

const TRANSPORTS: readonly string[] = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'usb'];

/** Whom a passkey is for: our host, and pages of our origin only. */
export type RelyingParty = { readonly id: string; readonly origin: string; readonly name: string };

// Three hundred files, most of them about certificates: a third of the time that a command of the
// CLI takes, and of no use to it. So they are read when the first passkey is.
const library = () => import('@simplewebauthn/server');

type Descriptor = { readonly id: Bytes; readonly transports: readonly string[] };

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const bytes = (encoded: string): Bytes => new Uint8Array(Buffer.from(encoded, 'base64url'));
const describe = ({ id, transports }: Descriptor) => ({
  id: text(id),
  transports: [...transports],
});

function parsed<T>(schema: z.ZodType<T>, json: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

/** The challenge an answer was given to. An answer from within a foreign frame is none. */
function challengeIn(clientDataJson: string): string | undefined {
  const data = parsed(clientData, Buffer.from(clientDataJson, 'base64url').toString('utf8'));
  return data?.crossOrigin ? undefined : data?.challenge;
}

export const webAuthn = {
  registrationOptions: async (input: {
    rp: RelyingParty;
    challenge: Bytes;
    user: { handle: Bytes; name: string; displayName: string };
    exclude: readonly Descriptor[];
  }): Promise<object> =>
    (await library()).generateRegistrationOptions({
      rpID: input.rp.id,
      rpName: input.rp.name,
      userID: input.user.handle,
      userName: input.user.name,
      userDisplayName: input.user.displayName,
      challenge: input.challenge,
      timeout: TIMEOUT_MS,
      // Who made the device is nothing we decide by, and asking tells more than need be.
      attestationType: 'none',
      excludeCredentials: input.exclude.map(describe),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      supportedAlgorithmIDs: ALGORITHMS,
    }),

  authenticationOptions: async (input: {
    rp: RelyingParty;
    challenge: Bytes;
    allow: readonly Descriptor[];
  }): Promise<object> =>
    (await library()).generateAuthenticationOptions({
      rpID: input.rp.id,
      challenge: input.challenge,
      timeout: TIMEOUT_MS,
      allowCredentials: input.allow.map(describe),
      userVerification: 'required',
    }),

  /** The new key pair's public half, if the answer holds. Look at its challenge first. */
  async verifyRegistration(input: { rp: RelyingParty; json: string; challenge: string }) {
    const response = parsed(registration, input.json);
    if (!response) return undefined;
    const { verifyRegistrationResponse } = await library();
    const result = await verifyRegistrationResponse({
      response: { ...response, clientExtensionResults: {}, response: plain(response.response) },
      expectedChallenge: input.challenge,
      expectedOrigin: input.rp.origin,
      expectedRPID: input.rp.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }).catch(() => undefined);
    if (!result?.verified) return undefined;
    const { credential: made, credentialDeviceType, credentialBackedUp } = result.registrationInfo;
    if (made.publicKey.length > 1024) return undefined;
    const said = response.response.transports ?? [];
    return {
      credentialId: bytes(made.id),
      publicKey: new Uint8Array(made.publicKey),
      signCount: made.counter,
      transports: said.filter((transport) => TRANSPORTS.includes(transport)),
      backupEligible: credentialDeviceType === 'multiDevice',
      backedUp: credentialBackedUp,
    };
  },

  /** What an answer says of itself, unproven. */
  readRegistration(json: string): { challenge: string } | undefined {
    const response = parsed(registration, json);
    const challenge = response && challengeIn(response.response.clientDataJSON);
    return challenge === undefined ? undefined : { challenge };
  },

  /** What an answer says of itself, unproven. */
  readAssertion(json: string) {
    const response = parsed(assertion, json);
    const challenge = response && challengeIn(response.response.clientDataJSON);
    if (!response || challenge === undefined) return undefined;
    const { userHandle } = response.response;
    return {
      credentialId: bytes(response.id),
      challenge,
      userHandle: userHandle ? bytes(userHandle) : undefined,
    };
  },

  /**
   * Whether the answer was signed by this key, for us, just now, by a verified person. The count
   * is handed back and not compared: the library would refuse it before it looks at the
   * signature, so that anybody could make a passkey look copied.
   */
  async verifyAssertion(input: {
    rp: RelyingParty;
    json: string;
    challenge: string;
    publicKey: Bytes;
  }): Promise<{ signCount: number; backedUp: boolean } | undefined> {
    const response = parsed(assertion, input.json);
    if (!response) return undefined;
    const { userHandle, ...signed } = response.response;
    const { verifyAuthenticationResponse } = await library();
    const result = await verifyAuthenticationResponse({
      response: { ...response, clientExtensionResults: {}, response: signed },
      expectedChallenge: input.challenge,
      expectedOrigin: input.rp.origin,
      expectedRPID: input.rp.id,
      credential: { id: response.id, publicKey: input.publicKey, counter: 0 },
      requireUserVerification: true,
    }).catch(() => undefined);
    if (!result?.verified) return undefined;
    const { newCounter, credentialBackedUp } = result.authenticationInfo;
    return { signCount: newCounter, backedUp: credentialBackedUp };
  },
};

function plain(response: { clientDataJSON: string; attestationObject: string }) {
  const { clientDataJSON, attestationObject } = response;
  return { clientDataJSON, attestationObject };
}
