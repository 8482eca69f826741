/** Passkeys, at the sign-in and on the account pages. */
import * as views from '../../views.js';
import { code, newPasskey, ownPasskey, passkey, signIn } from './data.js';
import type { Draw, States } from './draw.js';
import { secondStep } from './shopper.js';

export async function passkeysStates(draw: Draw): Promise<States> {
  const signInPage = draw(views.signInPage);
  const codePage = draw(views.codePage);
  const secondStepPage = draw(views.accountSecondStepPage);
  const passkeyPage = draw(views.passkeyPage);
  const newPasskeyPage = draw(views.accountNewPasskeyPage);
  const passkeyNamePage = draw(views.accountPasskeyNamePage);
  const passkeyQuestionPage = draw(views.accountPasskeyQuestionPage);
  return {
    'sign-in-passkey-refused': signInPage({ ...signIn, passkey, problem: 'passkey' }),
    'code-or-passkey': codePage({ ...code, rememberable: true, passkey }),
    passkey: passkeyPage({ ...signIn, passkey }),
    'passkey-refused': passkeyPage({ ...signIn, passkey, problem: 'passkey' }),
    'account-passkeys': secondStepPage({
      ...secondStep,
      notice: 'passkey-added',
      since: new Date('2026-04-02T12:00:00Z'),
      codesLeft: 8,
      required: true,
      codesWaiting: false,
      passkeys: [ownPasskey, { ...ownPasskey, lastUsedAt: null, backedUp: false, needed: true }],
    }),
    'account-passkey-new': newPasskeyPage(newPasskey),
    'account-passkey-too-many': newPasskeyPage({ ...newPasskey, problem: 'too-many' }),
    'account-passkey-name': passkeyNamePage({ ...secondStep, action: '/a', passkey: ownPasskey }),
    'account-passkey-remove': passkeyQuestionPage({
      ...secondStep,
      action: '/a',
      passkey: ownPasskey,
    }),
  };
}
