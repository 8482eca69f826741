/**
 * The arithmetic of one-time codes: TOTP as authenticator apps speak it (RFC 6238 with SHA-1,
 * six digits, steps of 30 seconds). Which step was spent is the credentials' business.
 */
import { generateSecret, generateURI, verifySync } from 'otplib';

const PERIOD_SECONDS = 30;
const DIGITS = 6;
// RFC 4226 section 4 asks for 128 bits at least and recommends 160.
const SEED_BYTES = 20;

export type OneTimeCodes = {
  /** A new seed in base32. */
  newSecret(): string;
  /** What the QR code says (Google Authenticator's key URI format). */
  uri(key: { readonly secret: string; readonly account: string; readonly issuer: string }): string;
  /** The time step that the code belongs to, one step either way; `undefined` if it is wrong. */
  stepOf(code: string, secret: string, epochSeconds: number): number | undefined;
};

export const oneTimeCodes: OneTimeCodes = {
  newSecret: () => generateSecret({ length: SEED_BYTES }),

  uri: ({ secret, account, issuer }) =>
    generateURI({
      issuer,
      label: account,
      secret,
      algorithm: 'sha1',
      digits: DIGITS,
      period: PERIOD_SECONDS,
    }),

  stepOf(code, secret, epochSeconds) {
    const result = verifySync({
      secret,
      token: code,
      algorithm: 'sha1',
      digits: DIGITS,
      period: PERIOD_SECONDS,
      epoch: epochSeconds,
      epochTolerance: PERIOD_SECONDS,
    });
    return result.valid && 'timeStep' in result ? result.timeStep : undefined;
  },
};
