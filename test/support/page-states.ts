/** Every page in every state a person can meet, for the browser tests and for the pictures. */
import {
  consentPage,
  continuePage,
  errorPage,
  homePage,
  signedOutPage,
  signInPage,
  signOutPage,
} from '../../src/http/views.js';

const client = {
  name: 'Alder & Oak',
  policyUri: 'https://alder-oak.example/privacy',
  tosUri: 'https://alder-oak.example/terms',
};

const signIn = {
  client,
  action: '/signin/7f3c',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
};

const consent = {
  client,
  redirectHost: 'alder-oak.example',
  action: '/signin/7f3c/consent',
  cancelAction: '/signin/7f3c/cancel',
  csrf: 'k2Jx0Yw1',
  signedInAs: 'm•••@fernhill.example',
};

const logoutForm = {
  formHtml:
    '<form id="op.logoutForm" method="post" action="/oauth2/logout/confirm"><input type="hidden" name="xsrf" value="p9"/></form>',
  formId: 'op.logoutForm',
};

export const pageStates: Readonly<Record<string, string>> = {
  'sign-in': signInPage(signIn),
  'sign-in-rejected': signInPage({
    ...signIn,
    login: 'mara@fernhill.example',
    problem: 'rejected',
  }),
  'sign-in-expired': signInPage({ ...signIn, login: 'mara@fernhill.example', problem: 'expired' }),
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
