/** Pages show what they are given and never run it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assetUrl, serveAssets } from '../../src/http/assets.js';
import {
  accountAppPage,
  accountCodesPage,
  accountDeviceQuestionPage,
  accountDevicesPage,
  accountOverviewPage,
  accountPasskeyQuestionPage,
  accountPasswordPage,
  codePage,
  consentPage,
  continuePage,
  enrolPage,
  errorPage,
  homePage,
  lockedPage,
  recoveryAskPage,
  recoveryCodePage,
  recoveryCodesPage,
  recoveryDonePage,
  recoveryPasswordPage,
  registerCodePage,
  registerDeadPage,
  registerDonePage,
  registerPage,
  registerPasswordPage,
  signedOutPage,
  signInPage,
  signOutPage,
} from '../../src/http/views.js';
import type { Language } from '../../src/kernel/language.js';
import { wordsIn } from '../../src/words/index.js';
import { pageNonce, pageStates } from '../support/page-states.js';

const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{x}}<%= 1 %>`;
const client = { name: hostile, policyUri: hostile, tosUri: hostile };
const forms = { action: '/signin/a', cancelAction: '/signin/a/cancel', csrf: hostile };

const owned = { person: { name: hostile, email: hostile }, csrf: hostile };
const hostileDevice = {
  id: 'a',
  label: hostile,
  createdAt: new Date(0),
  lastSeenAt: new Date(0),
  here: false,
  trustedUntil: undefined,
};

const hostilePages: Record<string, string> = {
  'sign-in': signInPage({ client, ...forms, login: hostile, problem: 'rejected' }),
  'sign-in with a puzzle': signInPage({
    client,
    ...forms,
    challenge: {
      kind: 'puzzle',
      challengeJson: hostile,
      waitToken: hostile,
      waitSeconds: 20,
    },
  }),
  'sign-in with a wait': signInPage({
    client,
    ...forms,
    challenge: { kind: 'wait', token: hostile, seconds: 20 },
  }),
  locked: lockedPage({
    client,
    ...forms,
    retryAfterSeconds: 60,
    opensAt: new Date(0),
    requestId: hostile,
  }),
  code: codePage({ client, ...forms, recoveryAction: '/signin/a', rememberable: true }),
  'passkey of an account': accountPasskeyQuestionPage({
    section: 'second-step',
    person: { name: hostile, email: hostile },
    csrf: hostile,
    action: '/a',
    passkey: {
      id: 'a',
      name: hostile,
      createdAt: new Date(0),
      lastUsedAt: null,
      backedUp: false,
      needed: false,
    },
  }),
  'recovery code': recoveryCodePage({
    client,
    ...forms,
    codeAction: '/signin/a',
    example: hostile,
  }),
  enrol: enrolPage({
    client,
    ...forms,
    qrSvg: '<svg></svg>',
    secret: hostile,
    accountName: hostile,
    otpauthUri: `otpauth://totp/${hostile}`,
    required: false,
  }),
  'recovery codes': recoveryCodesPage({ client, ...forms, codes: [hostile, hostile] }),
  'account overview': accountOverviewPage({
    ...owned,
    section: 'overview',
    passwordChangedAt: undefined,
    secondFactorSince: undefined,
    recoveryCodesLeft: 0,
    devices: 0,
  }),
  'account password': accountPasswordPage({
    ...owned,
    section: 'password',
    action: '/a',
    minLength: 12,
    changedAt: undefined,
    problem: { kind: 'refused', faults: [{ code: 'common' }] },
  }),
  'account app': accountAppPage({
    ...owned,
    section: 'second-step',
    action: '/a',
    qrSvg: '<svg></svg>',
    secret: hostile,
    otpauthUri: `otpauth://totp/${hostile}`,
    accountName: hostile,
    replaces: true,
  }),
  'account codes': accountCodesPage({
    ...owned,
    section: 'second-step',
    action: '/a',
    codes: [hostile],
    host: hostile,
  }),
  'account devices': accountDevicesPage({
    ...owned,
    section: 'devices',
    devices: [hostileDevice],
  }),
  'account device': accountDeviceQuestionPage({
    ...owned,
    section: 'devices',
    action: '/a',
    question: { kind: 'forget', device: hostileDevice },
  }),
  consent: consentPage({
    client,
    ...forms,
    redirectHost: hostile,
    signedInAs: hostile,
    identity: [{ scope: hostile, labelKey: 'other' }],
    resources: [
      {
        name: hostile,
        scopes: [
          { name: hostile, description: hostile },
          { name: hostile, description: '' },
        ],
      },
    ],
    offline: true,
    accountHref: hostile,
  }),
  'recovery ask': recoveryAskPage({
    client,
    ...forms,
    backHref: hostile,
    login: hostile,
    challenge: { kind: 'wait', token: hostile, seconds: 5 },
  }),
  'recovery new password': recoveryPasswordPage({
    client,
    ...forms,
    email: hostile,
    minLength: 12,
    problem: { kind: 'refused', faults: [{ code: 'common' }] },
  }),
  'recovery done': recoveryDonePage({
    client,
    signInHref: hostile,
    clientUri: `https://shop.example/${hostile}`,
  }),
  register: registerPage({
    client,
    ...forms,
    signInHref: hostile,
    email: hostile,
    name: hostile,
    problem: 'address',
    challenge: { kind: 'wait', token: hostile, seconds: 5 },
  }),
  'register code': registerCodePage({ client, ...forms, email: hostile, againHref: hostile }),
  'register password': registerPasswordPage({
    client,
    ...forms,
    email: hostile,
    minLength: 12,
    problem: { kind: 'refused', faults: [{ code: 'common' }] },
  }),
  'register done': registerDonePage({
    client,
    outcome: 'created',
    signInHref: hostile,
    clientUri: `https://shop.example/${hostile}`,
  }),
  'register dead': registerDeadPage({ client, againHref: hostile }),
  'sign-out': signOutPage({ clientName: hostile, formHtml: '<form></form>', formId: hostile }),
  'signed-out': signedOutPage({
    clientName: hostile,
    clientUri: `https://shop.example/${hostile}`,
  }),
  continue: continuePage({ action: '/callback', fields: { [hostile]: hostile }, nonce: hostile }),
  error: errorPage({
    status: 500,
    title: hostile,
    message: hostile,
    requestId: hostile,
    backHref: hostile,
  }),
  home: homePage({
    issuer: `https://id.example/${hostile}`,
    development: true,
    storefrontUrl: hostile,
    logins: [{ label: hostile, login: hostile, password: hostile }],
    docsUrl: hostile,
  }),
};

/** Every attribute of every tag, read the way a browser would for markup this plain. */
function tagsOf(html: string): { tag: string; attributes: Map<string, string> }[] {
  return [...html.matchAll(/<([a-z][a-z0-9]*)((?:\s+[^\s=>"']+(?:="[^"]*")?)*)\s*\/?>/gi)].map(
    ([, tag = '', rest = '']) => ({
      tag: tag.toLowerCase(),
      attributes: new Map(
        [...rest.matchAll(/([^\s=]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [
          name.toLowerCase(),
          value,
        ]),
      ),
    }),
  );
}

function inputsOf(html: string) {
  return new Map(
    tagsOf(html)
      .filter(({ tag }) => tag === 'input')
      .map(({ attributes }) => [attributes.get('name'), attributes]),
  );
}

describe('a hostile value in any place', () => {
  test.each(Object.entries(hostilePages))('is only words on the %s page', (_name, html) => {
    expect(html).not.toContain('<script>');
    expect(html).not.toContain('<img');
    expect(html).not.toContain('undefined');
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    // Nothing but our own tags is left, so nothing escaped its attribute either.
    const opened = html.match(/<(?!\/|!)/g) ?? [];
    expect(tagsOf(html)).toHaveLength(opened.length);
  });

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)//https://x.example',
    ' javascript:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'http://shop.example/privacy',
    '//shop.example/privacy',
    '/privacy',
    'https://user:secret@shop.example/',
    'not an address',
    '',
  ])('as policy or terms address becomes no link: %j', (address) => {
    const html = signInPage({
      ...forms,
      client: { name: 'Shop', policyUri: address, tosUri: address },
    });
    expect(html).not.toContain('<a ');
    expect(html).not.toContain('Privacy policy');
  });

  test.each(['javascript:alert(1)', '//evil.example', '/\\evil.example', '/a@b', '/a\nb', 'x'])(
    'never becomes a way back: %j',
    (address) => {
      expect(errorPage({ status: 404, title: 'T', message: 'M', backHref: address })).not.toContain(
        '<a ',
      );
      expect(signedOutPage({ clientName: 'Shop', clientUri: address })).not.toContain('<a ');
    },
  );

  test.each(['javascript:alert(1)', '//evil.example', 'data:text/html,x', '', `${hostile}`])(
    'is refused as the target of a form: %j',
    (action) => {
      expect(() => continuePage({ action, fields: {} })).toThrow(TypeError);
      expect(() => signInPage({ client, ...forms, action })).toThrow(TypeError);
      expect(() => signInPage({ client, ...forms, cancelAction: action })).toThrow(TypeError);
      const code = { client, ...forms, recoveryAction: '/a', rememberable: true };
      expect(() => codePage({ ...code, action })).toThrow(TypeError);
      expect(() => codePage({ ...code, recoveryAction: action })).toThrow(TypeError);
      expect(() => recoveryCodePage({ client, ...forms, codeAction: action })).toThrow(TypeError);
      expect(() => recoveryCodesPage({ client, ...forms, action, codes: [] })).toThrow(TypeError);
      expect(() =>
        consentPage({
          client,
          ...forms,
          action,
          redirectHost: 'a',
          signedInAs: 'b',
          identity: [],
          resources: [],
          offline: false,
        }),
      ).toThrow(TypeError);
    },
  );

  test.each([
    'javascript:alert(1)',
    'https://evil.example/totp',
    'otpauth-migration://offline?data=x',
    'otpauth://hotp/x?secret=A',
    'otpauth:alert(1)',
    '',
    undefined,
  ])('never becomes the way into the authenticator app: %j', (otpauthUri) => {
    const html = enrolPage({
      client,
      ...forms,
      qrSvg: '<svg></svg>',
      secret: 'AAAABBBB',
      accountName: 'a',
      otpauthUri,
      required: false,
    });
    expect(html).not.toContain('<a ');
  });

  test('never becomes the address of the file with the codes', () => {
    for (const downloadHref of ['javascript:alert(1)', '//evil.example/', 'data:text/html,x']) {
      const html = recoveryCodesPage({ client, ...forms, codes: ['A-B'], downloadHref });
      expect(html).toContain('href="data:text/plain;charset=utf-8;base64,');
      expect(html).not.toContain(downloadHref);
    }
  });

  test('a client name cannot turn the title around or break its line', () => {
    const html = signInPage({
      ...forms,
      csrf: 'c',
      client: { name: ' Good\u202eShop\u2066\r\n\u0000 Ltd ' },
    });
    expect(html).toContain('<title>Sign in to Good Shop Ltd</title>');
  });

  test('a logo from elsewhere is not loaded, one of our own is', () => {
    const page = (href: string) =>
      signInPage({
        ...forms,
        csrf: 'c',
        client: { name: 'Shop', logo: { href, width: 200, height: 50 } },
      });
    expect(page('https://cdn.example/logo.png')).not.toContain('<img');
    expect(page('//cdn.example/logo.png')).not.toContain('<img');
    expect(page('/brand/shop.png')).toContain(
      '<img class="emblem emblem-logo" src="/brand/shop.png" width="200" height="50" alt="Shop">',
    );
  });
});

describe('every page', () => {
  test.each(Object.entries(pageStates))('%s keeps to the strict content policy', (_name, html) => {
    for (const { tag, attributes } of tagsOf(html)) {
      expect(attributes.has('style')).toBe(false);
      expect([...attributes.keys()].filter((name) => name.startsWith('on'))).toEqual([]);
      if (tag === 'script') {
        expect(attributes.get('src')).toMatch(/^\/assets\//);
        expect(attributes.get('nonce')).toBe(pageNonce);
      }
      if (tag === 'link') expect(attributes.get('href')).toMatch(/^\/assets\//);
      if (tag === 'img') expect(attributes.get('src')).toMatch(/^\/(?!\/)/);
      if (tag === 'a')
        expect(attributes.get('href')).toMatch(
          /^(https:\/\/|http:\/\/localhost|\/|#[a-z-]+$|otpauth:\/\/totp\/|data:text\/plain;)/,
        );
      if (tag === 'a' && /^http/.test(attributes.get('href') ?? '')) {
        expect(attributes.get('rel')).toBe('noreferrer');
      }
    }
    expect(html).not.toMatch(/<style|<script(?![^>]*\ssrc=)/);
  });

  test.each(Object.entries(pageStates))(
    '%s has a language, one title, one heading',
    (name, html) => {
      const [, tag = 'en'] = /^(de|ja)-/.exec(name) ?? [];
      expect(html).toMatch(new RegExp(`^<!doctype html>\\n<html lang="${tag}" dir="ltr">`));
      expect(html).toContain(
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
      );
      expect(html).toContain('<meta name="color-scheme" content="light dark">');
      expect(html.match(/<title>[^<]+<\/title>/g)).toHaveLength(1);
      expect(html.match(/<h1>/g)).toHaveLength(1);
      expect(html).toContain(wordsIn(tag as Language).t('page.secured-by'));
      expect(html).not.toContain('undefined');
    },
  );
});

describe('the log-in page', () => {
  const page = (extra: object = {}) =>
    signInPage({
      client: {
        name: 'Alder & Oak',
        policyUri: 'https://shop.example/privacy',
        tosUri: 'https://shop.example/terms',
      },
      action: '/signin/abc',
      cancelAction: '/signin/abc/cancel',
      csrf: 'token-1',
      ...extra,
    });

  test('is a plain form that people, password managers and automation recognise', () => {
    const html = page();
    const inputs = inputsOf(html);
    expect(html).toContain('<title>Sign in to Alder &amp; Oak</title>');
    expect(html).toContain('method="post" action="/signin/abc"');
    expect(inputs.get('csrf')?.get('value')).toBe('token-1');
    const login = inputs.get('login');
    expect(login?.get('id')).toBe('login');
    expect(login?.get('type')).toBe('text');
    expect(login?.get('inputmode')).toBe('email');
    expect(login?.get('autocomplete')).toBe('username');
    expect(login?.get('autocapitalize')).toBe('none');
    expect(login?.get('spellcheck')).toBe('false');
    const password = inputs.get('password');
    expect(password?.get('type')).toBe('password');
    expect(password?.get('autocomplete')).toBe('current-password');
    expect(html).toContain('<label for="login">E-mail address</label>');
    expect(html).toContain('<label for="password">Password</label>');
    expect(html).toMatch(/<button class="[^"]*\blogin-submit\b[^"]*" type="submit">Continue</);
    expect(html).not.toContain('aria-invalid');
    expect(html).not.toContain('role="alert"');
  });

  test('lets people go back to the shop with a form of its own', () => {
    const cancel = page().split('<form').at(-1);
    expect(cancel).toContain('method="post" action="/signin/abc/cancel"');
    expect(cancel).toContain('name="csrf" value="token-1"');
    expect(cancel).toContain('Cancel and go back to');
  });

  test('links the privacy policy and the terms', () => {
    expect(page()).toContain('<a href="https://shop.example/privacy" rel="noreferrer">');
    expect(page()).toContain('<a href="https://shop.example/terms" rel="noreferrer">');
  });

  test('says one sentence about a rejected log-in and keeps the address, not the password', () => {
    const html = page({ login: 'mara@example.org', problem: 'rejected' });
    const inputs = inputsOf(html);
    expect(html).toMatch(/id="problem" role="alert"/);
    expect(html).toContain('The e-mail address or password is not right.');
    for (const name of ['login', 'password']) {
      expect(inputs.get(name)?.get('aria-invalid')).toBe('true');
      expect(inputs.get(name)?.get('aria-describedby')).toBe('problem');
    }
    expect(inputs.get('login')?.get('value')).toBe('mara@example.org');
    expect(inputs.get('password')?.has('value')).toBe(false);
  });

  test.each(['expired', 'overloaded'] as const)('blames no field when it is %s', (problem) => {
    const html = page({ login: 'mara@example.org', problem });
    expect(html).toContain('role="alert"');
    expect(html).not.toContain('aria-invalid');
    expect(html).not.toContain('is not right');
  });
});

describe('the check against robots', () => {
  const page = (challenge?: Parameters<typeof signInPage>[0]['challenge']) =>
    signInPage({ client: { name: 'Shop' }, ...forms, csrf: 'c', challenge });

  test('is on the page only when it is asked for', () => {
    expect(page()).not.toMatch(/altcha|challenge|wait_token/);
    const wait = page({ kind: 'wait', token: 't', seconds: 0.2 });
    expect(wait).toContain(assetUrl('challenge.js'));
    expect(wait).not.toContain('altcha');
    expect(wait).toContain('Please wait 1 second before');
    expect(inputsOf(wait).get('wait_token')?.get('value')).toBe('t');
  });

  test('brings the puzzle, its solver and another way', () => {
    const html = page({
      kind: 'puzzle',
      challengeJson: '{"parameters":{}}',
      waitToken: 't',
      waitSeconds: 15,
    });
    expect(html).toContain('data-puzzle="{&quot;parameters&quot;:{}}"');
    expect(html).toContain(`data-worker="${assetUrl('altcha-worker.js')}"`);
    expect(html.indexOf(assetUrl('altcha.js'))).toBeLessThan(
      html.indexOf(assetUrl('challenge.js')),
    );
    expect(html).toMatch(/<noscript>.*Please wait 15 seconds.*<\/noscript>/s);
    expect(inputsOf(html).get('wait_token')?.get('value')).toBe('t');
  });
});

describe('the second step', () => {
  const step = { client: { name: 'Alder & Oak' }, ...forms, csrf: 'c' };
  const code = { ...step, recoveryAction: '/signin/a?use=recovery', rememberable: false };
  const enrol = {
    ...step,
    qrSvg: '<svg viewBox="0 0 1 1"></svg>',
    secret: 'ABCDEFGHIJ',
    accountName: 'Alder & Oak: mara@example.org',
    required: false,
  };

  test('asks for a code that phones fill in', () => {
    const field = inputsOf(codePage(code)).get('code');
    expect(field?.get('inputmode')).toBe('numeric');
    expect(field?.get('autocomplete')).toBe('one-time-code');
    expect(field?.get('aria-describedby')).toBe('code-hint');
    expect(field?.has('aria-invalid')).toBe(false);
    expect(codePage(code)).toContain('href="/signin/a?use=recovery"');
  });

  test('offers to remember the device only where that may be', () => {
    expect(inputsOf(codePage(code)).has('remember')).toBe(false);
    const remember = inputsOf(codePage({ ...code, rememberable: true })).get('remember');
    expect(remember?.get('type')).toBe('checkbox');
    expect(remember?.has('checked')).toBe(false);
  });

  test('says what is wrong with a code at its field, and shows no code again', () => {
    for (const html of [
      codePage({ ...code, problem: 'wrong-code' }),
      codePage({ ...code, problem: 'used-code' }),
      enrolPage({ ...enrol, problem: 'wrong-code' }),
    ]) {
      const field = inputsOf(html).get('code');
      expect(field?.get('aria-invalid')).toBe('true');
      expect(field?.get('aria-describedby')).toBe('code-hint problem');
      expect(field?.has('autofocus')).toBe(true);
      expect(field?.has('value')).toBe(false);
      expect(html.match(/id="problem" role="alert"/g)).toHaveLength(1);
    }
  });

  test('shows the key in groups of four and copies it whole', () => {
    const html = enrolPage(enrol);
    expect(html).toContain('<span>ABCD</span> <span>EFGH</span> <span>IJ</span>');
    expect(html).toContain('data-copy="ABCDEFGHIJ"');
    expect(html).toContain('Not now');
    expect(enrolPage({ ...enrol, required: true })).toContain('Cancel and go back to');
  });

  test('hands over the codes as a file that the page brings along', () => {
    const html = recoveryCodesPage({ ...step, codes: ['A-1', 'B-2'] });
    const file = /base64,([^"]+)" download="recovery-codes.txt"/.exec(html)?.[1] ?? '';
    expect(Buffer.from(file, 'base64').toString()).toBe('Alder & Oak\r\n\r\nA-1\r\nB-2\r\n');
    expect(recoveryCodesPage({ ...step, codes: [], downloadHref: '/signin/a/codes' })).toContain(
      'href="/signin/a/codes"',
    );
  });
});

describe('a paused log-in', () => {
  test.each([
    [1, 'in 1 minute'],
    [60, 'in 1 minute'],
    [61, 'in 2 minutes'],
    [1_650, 'in 28 minutes'],
    [7_140, 'in 119 minutes'],
    [7_200, 'in 2 hours'],
    [9_000, 'in 3 hours'],
  ])('of %i seconds opens %s', (retryAfterSeconds, words) => {
    const html = lockedPage({
      client: { name: 'Shop' },
      retryAfterSeconds,
      opensAt: new Date('2026-11-22T14:32:00Z'),
      requestId: 'r-1',
    });
    expect(html).toContain(`<strong>${words}</strong>, at <strong>14:32 UTC</strong>`);
    expect(html).toContain('<code>r-1</code>');
    expect(html).not.toContain('<form');
  });
});

describe('the other pages', () => {
  test('consent says who asks, what for and how to take it back', () => {
    const html = pageStates.consent ?? '';
    for (const words of [
      'Alder &amp; Oak',
      'alder-oak.example',
      'm•••@fernhill.example',
      'See your e-mail address',
      'See your orders and where they are',
      'Keep this access while you are away',
      'You can take this back at any time in <a href="/account">your account</a>',
      '>Allow</button>',
      '>Don’t allow</button>',
    ]) {
      expect(html).toContain(words);
    }
    expect(html.match(/name="csrf"/g)).toHaveLength(2);
  });

  test('sign-out keeps the form of the protocol host and adds the two buttons', () => {
    const html = pageStates['sign-out'] ?? '';
    expect(html).toContain('<form id="op.logoutForm" method="post"');
    expect(html).toContain('form="op.logoutForm" name="logout" value="yes">Sign out</button>');
    expect(html).toContain('form="op.logoutForm">Stay signed in</button>');
  });

  test('the onward form carries every field and a button', () => {
    const html = continuePage({
      action: 'https://shop.example/callback',
      fields: { code: 'a"b', state: '<s>' },
      nonce: 'n0nce',
    });
    const inputs = inputsOf(html);
    expect(html).toContain('action="https://shop.example/callback" data-autosubmit');
    expect(inputs.get('code')?.get('value')).toBe('a&quot;b');
    expect(inputs.get('state')?.get('value')).toBe('&lt;s&gt;');
    expect(html).toContain('nonce="n0nce"');
    expect(html).toContain('>Continue</button>');
  });

  test('an error page shows words and the request id, not the status', () => {
    const html = errorPage({ status: 418, title: 'Title', message: 'Words.', requestId: 'r-77' });
    expect(html).toContain('<h1>Title</h1>');
    expect(html).toContain('<code>r-77</code>');
    // As a word: the addresses of its assets have digests in them.
    expect(html).not.toMatch(/\b418\b/);
  });

  test('the demo log-ins are shown in development mode only', () => {
    const logins = [{ label: 'Shopper', login: 'a@demo.example', password: 'pw-demo' }];
    const page = (development: boolean) =>
      homePage({
        issuer: 'http://localhost:3000',
        development,
        logins,
        storefrontUrl: 'http://localhost:4000',
      });
    expect(page(true)).toContain('pw-demo');
    expect(page(true)).toContain('http://localhost:4000/');
    expect(page(false)).not.toContain('pw-demo');
    expect(page(false)).not.toContain('a@demo.example');
    expect(page(false)).not.toContain('http://localhost:4000');
    expect(page(false)).toContain('href="/.well-known/openid-configuration"');
    expect(homePage({ issuer: 'https://shop.example/id', development: false })).toContain(
      'href="/id/.well-known/openid-configuration"',
    );
  });
});

describe('an asset', () => {
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    const app = new Koa();
    app.use(serveAssets());
    app.use((ctx) => {
      ctx.body = 'beyond';
    });
    server = createServer(app.callback());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });

  test.each([
    ['latchkey.css', 'text/css; charset=utf-8'],
    ['latchkey.js', 'text/javascript; charset=utf-8'],
    ['mark.svg', 'image/svg+xml; charset=utf-8'],
    ['challenge.js', 'text/javascript; charset=utf-8'],
    ['altcha.js', 'text/javascript; charset=utf-8'],
    ['altcha-worker.js', 'text/javascript; charset=utf-8'],
    ['altcha.css', 'text/css; charset=utf-8'],
  ])('%s is kept for a year under its hashed name', async (name, type) => {
    const url = assetUrl(name);
    expect(url).toMatch(/^\/assets\/[a-z-]+\.[0-9a-f]{12}\.[a-z]+$/);
    for (const encoding of ['br', 'gzip', 'identity']) {
      const answer = await fetch(origin + url, { headers: { 'accept-encoding': encoding } });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe(type);
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await answer.text()).length).toBeGreaterThan(100);
    }
  });

  test('is not sent again to a browser that has it, and HEAD sends no body', async () => {
    const url = origin + assetUrl('latchkey.css');
    const first = await fetch(url);
    const etag = first.headers.get('etag') ?? '';
    const second = await fetch(url, {
      headers: { 'if-none-match': etag, 'cache-control': 'max-age=0' },
    });
    expect(second.status).toBe(304);
    expect(second.headers.get('cache-control')).toContain('immutable');
    const head = await fetch(url, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  });

  test('of another release is answered but not kept', async () => {
    const answer = await fetch(`${origin}/assets/latchkey.000000000000.css`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    '/assets/',
    '/assets/latchkey.css',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/assets/constructor.000000000000.css',
    '/assets/latchkey.000000000000.css/x',
  ])('that is not ours is not found: %s', async (path) => {
    const answer = await fetch(origin + path);
    const body = await answer.text();
    if (answer.status === 404) expect(body).toBe('Not found');
    else expect(body).toBe('beyond');
    expect(body).not.toContain('dependencies');
  });

  test('leaves every other path to the rest of the server', async () => {
    expect(await (await fetch(`${origin}/assetsx`)).text()).toBe('beyond');
  });

  test('that does not exist cannot be named by a page', () => {
    expect(() => assetUrl('nothing.css')).toThrow('there is no asset called nothing.css');
  });
});
