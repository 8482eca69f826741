/** The pages of a log-in for clients with brands of their own, pleasant and unpleasant ones. */
import { paletteOf, readColour } from '../../src/domain/clients/brand/palette.js';
import { demoBrand } from '../../src/flows/demo-brand.js';
import * as views from '../../src/http/views.js';
import { colours } from '../../src/platform/colours.js';
import { pageNonce } from './page-states.js';

/** Colours that somebody will choose. */
export const brandColours: Readonly<Record<string, { accent?: string; surface?: string }>> = {
  oak: { accent: '#8a4f1d' },
  yellow: { accent: '#ffe600' },
  black: { accent: '#000000' },
  white: { accent: '#ffffff' },
  grey: { accent: '#808080' },
  pink: { accent: '#ff69b4' },
  'pink-on-pink': { accent: '#ff69b4', surface: '#ff69b4' },
  'yellow-on-cream': { accent: '#ffe600', surface: '#fff8ee' },
  'blue-on-navy': { accent: '#1e40ff', surface: '#0b1f4b' },
  'grey-on-grey': { accent: '#808080', surface: '#808080' },
};

const svg = (width: number, height: number, content: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">${content}</svg>`;
const bars = (width: number, height: number) =>
  svg(width, height, `<path d="M0 0h${width}v${height}H0z M4 4v${height - 8}h${width - 8}V4z"/>`);

/** What is served below `/brand/`; `missing` is not there. */
export const logos: Readonly<Record<string, { type: string; body: string | Buffer }>> = {
  oak: { type: 'image/svg+xml', body: Buffer.from(demoBrand.logo?.bytes ?? []) },
  wide: { type: 'image/svg+xml', body: bars(800, 100) },
  tall: { type: 'image/svg+xml', body: bars(40, 320) },
  square: { type: 'image/svg+xml', body: bars(64, 64) },
};

const client = (colour: string, logo?: { name: string; width: number; height: number }) => {
  const { accent, surface } = brandColours[colour] ?? {};
  return {
    name: 'Alder & Oak',
    policyUri: 'https://alder-oak.example/privacy',
    logo: logo && { href: `/brand/${logo.name}`, width: logo.width, height: logo.height },
    palette: paletteOf(colours, {
      accent: accent && readColour(accent),
      surface: surface && readColour(surface),
    }).palette,
  };
};

type Shop = ReturnType<typeof client>;
const common = { cancelAction: '/signin/7f3c/cancel', csrf: 'k2Jx0Yw1', nonce: pageNonce };
const secret = 'JBSWY3DPEHPK3PXPKRSXG5BAONSWG4TF';

const pages: Readonly<Record<string, (client: Shop) => string>> = {
  'sign-in': (shop) =>
    views.signInPage({
      ...common,
      client: shop,
      action: '/signin/7f3c/login',
      login: 'mara@fernhill.example',
      problem: 'rejected',
    }),
  'sign-in-wait': (shop) =>
    views.signInPage({
      ...common,
      client: shop,
      action: '/signin/7f3c/login',
      problem: 'check',
      challenge: { kind: 'wait', token: 'w4it', seconds: 20 },
    }),
  code: (shop) =>
    views.codePage({
      ...common,
      client: shop,
      action: '/signin/7f3c/code',
      recoveryAction: '/signin/7f3c?use=recovery',
      rememberable: true,
      problem: 'wrong-code',
    }),
  'recovery-code': (shop) =>
    views.recoveryCodePage({
      ...common,
      client: shop,
      action: '/signin/7f3c/recovery',
      codeAction: '/signin/7f3c',
    }),
  enrol: (shop) =>
    views.enrolPage({
      ...common,
      client: shop,
      action: '/signin/7f3c/enrolment',
      qrSvg: '<svg viewBox="0 0 2 2"><path d="M0 0h1v2h1V0z"/></svg>',
      secret,
      accountName: 'mara@fernhill.example',
      otpauthUri: `otpauth://totp/Alder:mara?secret=${secret}`,
      required: false,
    }),
  'recovery-codes': (shop) =>
    views.recoveryCodesPage({
      ...common,
      client: shop,
      action: '/signin/7f3c/codes',
      codes: ['K7QM-2VXA-9RTD-HW4C', 'P3ZE-8NKD-5GYB-QX6M'],
    }),
  locked: (shop) =>
    views.lockedPage({
      ...common,
      client: shop,
      retryAfterSeconds: 1650,
      opensAt: new Date('2026-11-22T14:32:00Z'),
      requestId: '01JD3V7M2Q8W',
    }),
  consent: (shop) =>
    views.consentPage({
      ...common,
      client: shop,
      redirectHost: 'alder-oak.example',
      action: '/signin/7f3c/consent',
      signedInAs: 'm•••@fernhill.example',
      identity: [{ scope: 'email', labelKey: 'email' }],
      resources: [{ name: 'Orders', scopes: [{ name: 'orders:read', description: 'See them' }] }],
      offline: true,
      accountHref: '/account',
    }),
  'sign-out': (shop) =>
    views.signOutPage({
      nonce: pageNonce,
      clientName: shop.name,
      look: shop,
      formHtml: '<form id="op.logoutForm" method="post" action="/oauth2/logout/confirm"></form>',
      formId: 'op.logoutForm',
    }),
};

const oak = client('oak', { name: 'oak', width: 512, height: 512 });
const shaped = (name: string, width: number, height: number) =>
  pages['sign-in']?.(client('oak', { name, width, height })) ?? '';

/** Every page in the demo's brand, two pages in every colour, and logos of every shape. */
export const brandStates: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(pages).map(([name, page]) => [`oak-${name}`, page(oak)])),
  ...Object.fromEntries(
    Object.keys(brandColours).flatMap((colour) =>
      ['sign-in', 'enrol'].map((name) => [
        `${colour}-${name}-letter`,
        pages[name]?.(client(colour)) ?? '',
      ]),
    ),
  ),
  'logo-wide': shaped('wide', 512, 64),
  'logo-tall': shaped('tall', 64, 512),
  'logo-square': shaped('square', 512, 512),
  'logo-missing': shaped('missing', 512, 512),
};
