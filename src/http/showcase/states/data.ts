/** What the pages of the design page are drawn with: one shop, one shopper, and their things. */
import { createChallenge } from 'altcha-lib';
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2';
import { toString as drawQr } from 'qrcode';
import { secondStep } from './shopper.js';

/** Signs the challenge of the log-in page with a puzzle, so a test can check what comes back. */
export const challengeSecret = 'design';

/** A puzzle that takes every browser a moment, or one that outlasts any wait. */
export async function puzzle(counter: number, waitSeconds: number) {
  const challenge = await createChallenge({
    algorithm: 'PBKDF2/SHA-256',
    cost: 2000,
    counter,
    deriveKey,
    hmacSignatureSecret: challengeSecret,
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  const challengeJson = JSON.stringify(challenge);
  return { kind: 'puzzle', challengeJson, waitToken: 'w4it', waitSeconds } as const;
}

export const client = {
  name: 'Alder & Oak',
  policyUri: 'https://alder-oak.example/privacy',
  tosUri: 'https://alder-oak.example/terms',
};

export const signIn = {
  client,
  recoveryHref: '/recovery?from=7f3c',
  action: '/signin/7f3c',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
};

export const step = {
  client,
  action: '/signin/7f3c/code',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
};

export const code = { ...step, recoveryAction: '/signin/7f3c?use=recovery' };

export const recoveryCode = {
  ...step,
  action: '/signin/7f3c/recovery-code',
  codeAction: '/signin/7f3c?use=app',
};

export const otpauthUri =
  'otpauth://totp/Alder%20%26%20Oak:mara%40fernhill.example?secret=JBSWY3DPEHPK3PXPKRSXG5BAONSWG4TF&issuer=Alder%20%26%20Oak';

export const enrol = {
  ...step,
  action: '/signin/7f3c/second-step',
  qrSvg: await drawQr(otpauthUri, { type: 'svg', margin: 0 }),
  secret: 'JBSWY3DPEHPK3PXPKRSXG5BAONSWG4TF',
  accountName: 'Alder & Oak: mara@fernhill.example',
  otpauthUri,
};

export const recoveryCodes = {
  client,
  action: '/signin/7f3c/recovery-codes',
  csrf: 'k2Jx0Yw1',
  codes: [
    'K7QM-2VXA-9RTD-HW4C',
    'P3ZE-8NKD-5GYB-QX6M',
    'T9WH-4CJR-7MVA-2KDE',
    'B6XN-5PGZ-3QHT-8YRW',
    'M2DK-9TVE-6WCA-4JNX',
    'R8GY-3HQB-5ZPM-7VTK',
    'W4CA-6XJD-2NEH-9GRP',
    'H5VT-7KMY-8BXQ-3ZWD',
    'Z3NP-4RGE-9TCJ-6HAM',
    'D7YB-2QWK-5XVH-8PNT',
  ],
};

export const locked = {
  client,
  recoveryHref: '/recovery?from=7f3c',
  requestId: '01JD3V7M2Q8W',
  cancelAction: step.cancelAction,
  csrf: step.csrf,
};

export const recovery = { client, action: '/recovery', csrf: 'k2Jx0Yw1', backHref: '/signin/7f3c' };

export const newPassword = {
  client,
  action: '/recovery/new-password',
  csrf: 'k2Jx0Yw1',
  email: 'mara@fernhill.example',
  minLength: 12,
};

export const consent = {
  client,
  redirectHost: 'alder-oak.example',
  action: '/signin/7f3c/consent',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
  signedInAs: 'm•••@fernhill.example',
};

export const logoutForm = {
  formHtml:
    '<form id="op.logoutForm" method="post" action="/oauth2/logout/confirm"><input type="hidden" name="xsrf" value="p9"/></form>',
  formId: 'op.logoutForm',
};

export const register = {
  client,
  action: '/signin/7f3c/register',
  csrf: 'k2Jx0Yw1',
  signInHref: '/signin/7f3c',
};

export const registerCode = {
  ...register,
  email: 'mara@fernhill.example',
  againHref: '/signin/7f3c/register',
};

export const registerPassword = { ...register, email: 'mara@fernhill.example', minLength: 12 };

export const emailCode = {
  client,
  action: '/signin/7f3c/email-code',
  csrf: 'k2Jx0Yw1',
  signInHref: '/signin/7f3c',
  againHref: '/signin/7f3c/email-code',
};

export const emailCodeSent = { ...emailCode, login: 'mara@fernhill.example' };

export const passkey = {
  action: '/signin/7f3c/passkey',
  options: '/signin/7f3c/passkey-options',
  page: '/signin/7f3c',
};

export const newPasskey = {
  ...secondStep,
  passkey: { ...passkey, page: '/account/authenticators/passkeys/new' },
  name: 'Firefox on Windows',
  most: 20,
};

export const ownPasskey = {
  id: '4dca9589-3cd5-4afd-8b89-3d722a3ee6b4',
  name: 'my phone',
  createdAt: new Date('2026-04-02T12:00:00Z'),
  lastUsedAt: new Date('2026-11-20T07:30:00Z'),
  backedUp: true,
  needed: false,
};

/** What the shop's own application asks for, and nothing else. */
export const consentPayment = {
  ...consent,
  identity: [],
  resources: [],
  offline: false,
  payment: {
    instructedAmount: { currency: 'EUR', amount: '1249.90' },
    order: 'AO-2026-004711',
    creditorName: 'Alder & Oak Furniture GmbH',
  },
};

/** A consent with everything in it: what an operator named is in the operator's language. */
export const consentFull = {
  ...consent,
  identity: (['openid', 'profile', 'email', 'phone', 'address', 'other'] as const).map(
    (labelKey) => ({
      scope: labelKey === 'other' ? 'loyalty' : labelKey,
      labelKey,
    }),
  ),
  resources: [
    {
      name: 'Your account',
      account: true,
      scopes: [
        { name: 'account:read', description: '' },
        { name: 'account:write', description: '' },
      ],
    },
    {
      indicator: 'https://api.demo-shop.example/orders',
      name: 'Orders',
      scopes: [{ name: 'orders:read', description: 'See your orders' }],
    },
  ],
  offline: true,
  accountHref: '/account',
};
