/** The sign-in with all its steps, the way out, errors, and the front page. */
import * as views from '../../views.js';
import {
  client,
  code,
  consent,
  consentFull,
  consentPayment,
  enrol,
  locked,
  logoutForm,
  puzzle,
  recoveryCode,
  recoveryCodes,
  signIn,
  step,
} from './data.js';
import type { Draw, States } from './draw.js';

export async function signInStates(draw: Draw): Promise<States> {
  const signInPage = draw(views.signInPage);
  const lockedPage = draw(views.lockedPage);
  const endedPage = draw(views.endedPage);
  const codePage = draw(views.codePage);
  const recoveryCodePage = draw(views.recoveryCodePage);
  const enrolPage = draw(views.enrolPage);
  const recoveryCodesPage = draw(views.recoveryCodesPage);
  const consentPage = draw(views.consentPage);
  const signOutPage = draw(views.signOutPage);
  const signedOutPage = draw(views.signedOutPage);
  const continuePage = draw(views.continuePage);
  const errorPage = draw(views.errorPage);
  const homePage = draw(views.homePage);
  return {
    'consent-everything': consentPage(consentFull),
    'consent-payment': consentPage(consentPayment),
    'consent-payment-and-access': consentPage({
      ...consentPayment,
      identity: [{ scope: 'openid', labelKey: 'openid' }],
      resources: [
        { name: 'Orders', scopes: [{ name: 'orders:read', description: 'See your orders' }] },
      ],
      payment: {
        instructedAmount: { currency: 'JPY', amount: '128000' },
        order: '8f4c1d2e-6b7a-4f5e-9c3d-2a1b0c9d8e7f/2026-11-22/long-order-id-64',
      },
      accountHref: '/account',
    }),
    'sign-in': signInPage(signIn),
    'sign-in-email-code': signInPage({
      ...signIn,
      emailCodeHref: '/signin/7f3c/email-code',
      registerHref: '/signin/7f3c/register',
    }),
    'sign-in-newcomers': signInPage({ ...signIn, registerHref: '/signin/7f3c/register' }),
    'sign-in-rejected': signInPage({
      ...signIn,
      login: 'mara@fernhill.example',
      problem: 'rejected',
    }),
    'sign-in-expired': signInPage({
      ...signIn,
      login: 'mara@fernhill.example',
      problem: 'expired',
    }),
    'sign-in-overloaded': signInPage({
      ...signIn,
      login: 'mara@fernhill.example',
      problem: 'overloaded',
    }),
    'sign-in-long-name': signInPage({
      ...signIn,
      client: {
        name: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
      },
    }),
    'sign-in-puzzle': signInPage({
      ...signIn,
      login: 'mara@fernhill.example',
      problem: 'check',
      challenge: await puzzle(40, 20),
    }),
    'sign-in-puzzle-slow': signInPage({ ...signIn, challenge: await puzzle(10_000_000, 3) }),
    'sign-in-wait': signInPage({
      ...signIn,
      login: 'mara@fernhill.example',
      problem: 'check',
      challenge: { kind: 'wait', token: 'w4it', seconds: 2 },
    }),
    code: codePage({ ...code, rememberable: true }),
    'code-wrong': codePage({ ...code, rememberable: true, problem: 'wrong-code' }),
    'code-used': codePage({ ...code, rememberable: false, problem: 'used-code' }),
    'recovery-code': recoveryCodePage(recoveryCode),
    'recovery-code-wrong': recoveryCodePage({ ...recoveryCode, problem: 'wrong-code' }),
    enrol: enrolPage({ ...enrol, required: false }),
    'enrol-required-wrong': enrolPage({ ...enrol, required: true, problem: 'wrong-code' }),
    'enrol-expired': enrolPage({ ...enrol, required: true, problem: 'expired' }),
    'recovery-codes': recoveryCodesPage(recoveryCodes),
    'recovery-codes-not-saved': recoveryCodesPage({ ...recoveryCodes, problem: 'not-saved' }),
    locked: lockedPage({
      ...locked,
      retryAfterSeconds: 1650,
      opensAt: new Date('2026-11-22T14:32:00Z'),
    }),
    ended: endedPage({ ...step }),
    'locked-long': lockedPage({
      client,
      requestId: locked.requestId,
      retryAfterSeconds: 9_000,
      opensAt: new Date('2026-11-22T17:04:00Z'),
    }),
    consent: consentPage({
      ...consent,
      identity: [
        { scope: 'openid', labelKey: 'openid' },
        { scope: 'profile', labelKey: 'profile' },
        { scope: 'email', labelKey: 'email' },
      ],
      resources: [
        {
          name: 'Orders',
          scopes: [
            { name: 'orders:read', description: 'See your orders and where they are' },
            { name: 'cart:write', description: 'Put things in your basket and take them out' },
          ],
        },
        {
          name: 'Catalogue',
          scopes: [{ name: 'catalog:read', description: 'See products, prices and stock' }],
        },
      ],
      offline: true,
      accountHref: '/account',
    }),
    'consent-small': consentPage({
      ...consent,
      identity: [{ scope: 'openid', labelKey: 'openid' }],
      resources: [],
      offline: false,
    }),
    'sign-out': signOutPage({ ...logoutForm, clientName: 'Alder & Oak' }),
    'sign-out-no-client': signOutPage(logoutForm),
    'signed-out': signedOutPage({
      clientName: 'Alder & Oak',
      clientUri: 'https://alder-oak.example/',
    }),
    'signed-out-no-client': signedOutPage({}),
    continue: continuePage({
      action: '/callback',
      fields: { code: 'c0de', state: 'st4te', submit: 'a field may be called this' },
    }),
    'error-400': errorPage({
      status: 400,
      title: 'This sign-in link no longer works',
      message:
        'It was opened in another browser or has been used already. Go back to the shop and choose “Sign in” again.',
      requestId: '01JD3V7M2Q8R',
      backHref: 'https://alder-oak.example/',
    }),
    'error-403': errorPage({
      status: 403,
      title: 'Staff need a second step',
      message:
        'This account belongs to staff, who never sign in with a password alone, and it has no second step yet. Ask your administrator for one.',
      requestId: '01JD3V7M2Q8X',
    }),
    'error-429': errorPage({
      status: 429,
      title: 'Too many requests at once',
      message:
        'They came from your network, perhaps not from you. Wait a minute, then reload this page.',
      requestId: '01JD3V7M2Q8Y',
    }),
    'error-404': errorPage({
      status: 404,
      title: 'There is nothing here',
      message: 'The address may be mistyped, or the page has moved.',
      requestId: '01JD3V7M2Q8S',
      backHref: '/',
    }),
    'error-421': errorPage({
      status: 421,
      title: 'This server does not answer under that name',
      message: 'Check the address, then open the shop again from its own page.',
    }),
    'error-500': errorPage({
      status: 500,
      title: 'Something went wrong on our side',
      message: 'Nothing was changed. Please try again in a minute.',
      requestId: '01JD3V7M2Q8T',
    }),
    'error-503': errorPage({
      status: 503,
      title: 'Sign-in is taking a short break',
      message:
        'We cannot reach our database at the moment. Wait a few seconds, then reload this page.',
      requestId: '01JD3V7M2Q8V',
    }),
    home: homePage({ issuer: 'https://id.alder-oak.example', development: false }),
    'home-development': homePage({
      issuer: 'http://localhost:3000',
      development: true,
      storefrontUrl: 'http://localhost:4000/',
      logins: [
        { label: 'Shopper', login: 'shopper@demo-shop.example', password: 'mQ4v-tK9x-w2Lp' },
        {
          label: 'Shopper with a code',
          login: 'shopper-mfa@demo-shop.example',
          password: 'Zc7n-aR3b-y8Hd',
        },
        { label: 'Support', login: 'support@demo-shop.example', password: 'Ue5k-pW6s-j4Fg' },
        { label: 'Administrator', login: 'admin@demo-shop.example', password: 'Bx2r-gN8m-q7Tv' },
      ],
    }),
  };
}
