/** Every letter that people can get, for the browser tests and for the pictures. */
import { paletteOf } from '../../src/domain/clients/brand/palette.js';
import type { Circumstances, Letter } from '../../src/domain/mail/index.js';
import type { LetterBrand } from '../../src/flows/send-letter.js';
import { createLetterWriter } from '../../src/jobs/letters.js';
import type { Language } from '../../src/kernel/language.js';
import { colours } from '../../src/platform/colours.js';
import { printLetter } from '../../src/platform/letter-press.js';
import { pngOf } from './png.js';

type FactsOf<One> = One extends Letter
  ? Omit<
      One,
      | keyof Circumstances
      | 'accountId'
      | 'registrationId'
      | 'emailRequestId'
      | 'emailChangeId'
      | 'to'
    >
  : never;
/** What a letter tells, without to whom and where it happened. */
export type Facts = FactsOf<Letter>;

export const LETTER_ISSUER = 'https://id.alder-oak.example';

/** As long as the real ones. */
const token = 'Zk3vQ0Lr9wq1uJm5cT7yXbN2eHs8dGfA4iVoKpR6MtE';

/** One of each kind, in each of its shapes. */
export const letterKinds: Readonly<Record<string, Facts>> = {
  'sign-in': { kind: 'suspicious_sign_in', why: ['after_failures', 'new_device', 'new_network'] },
  'sign-in-passkey': { kind: 'suspicious_sign_in', why: ['new_device'], by: 'passkey' },
  'sign-in-void': { kind: 'sign_in_void' },
  'passkey-added': { kind: 'passkey_changed', change: 'added', name: 'my phone' },
  'passkey-removed': { kind: 'passkey_changed', change: 'removed', name: 'evil.example/now' },
  'passkey-suspicious': { kind: 'passkey_changed', change: 'suspicious', name: '' },
  'step-added': { kind: 'second_factor_changed', change: 'added' },
  'step-removed': { kind: 'second_factor_changed', change: 'removed' },
  'codes-made': { kind: 'second_factor_changed', change: 'recovery_codes_made' },
  'token-reused': { kind: 'token_reused' },
  'recovery-code-last': { kind: 'recovery_code_used', left: 0 },
  'recovery-code-one': { kind: 'recovery_code_used', left: 1 },
  'recovery-code': { kind: 'recovery_code_used', left: 7 },
  'approval-asked': { kind: 'approval_asked' },
  'password-changed': { kind: 'password_changed' },
  'password-reset': { kind: 'password_reset', token },
  registration: { kind: 'registration', token, code: '012345' },
  'sign-in-by-code': { kind: 'suspicious_sign_in', why: ['new_network'], by: 'email_code' },
  'sign-in-void-code': { kind: 'sign_in_void', by: 'email_code' },
  'sign-in-code': { kind: 'sign_in_code', code: '012345' },
  'address-confirmed': { kind: 'address_confirmed' },
  'second-step-lost': {
    kind: 'second_factor_reset_planned',
    token,
    effectiveAt: '2026-11-25T09:12:00Z',
  },
  'second-step-stays': { kind: 'second_factor_reset_stopped', by: 'link' },
  'phone-added': { kind: 'phone_changed', change: 'added' },
  'phone-changed': { kind: 'phone_changed', change: 'changed' },
  'phone-removed': { kind: 'phone_changed', change: 'removed' },
  'account-closed': { kind: 'account_closed' },
  'email-code': { kind: 'email_code', code: '012345' },
  'email-wanted': { kind: 'email_wanted' },
  'email-left': { kind: 'email_left', token },
  'email-left-for-good': { kind: 'email_left' },
  'email-changed': { kind: 'email_changed' },
  'email-restored': { kind: 'email_restored', token },
  'email-undone': { kind: 'email_undone' },
  'already-registered': { kind: 'already_registered' },
};

/** A letter as a flow would queue it. */
export function letterOf(facts: Facts, more: Partial<Letter> = {}): Letter {
  const told = {
    at: new Date('2026-11-22T09:12:00Z'),
    shop: 'Alder & Oak',
    device: 'Samsung Internet on Android',
    ...more,
  };
  return { ...readerOf(facts), ...told, ...facts } as Letter;
}

function readerOf({ kind }: Facts) {
  switch (kind) {
    case 'registration':
      return { registrationId: 'b1f6' };
    case 'account_closed':
      return { to: 'mara@fernhill.example' };
    case 'email_code':
      return { emailRequestId: 'b1f6' };
    case 'email_left':
    case 'email_undone':
      return { emailChangeId: 'b1f6' };
    default:
      return { accountId: 'b1f6' };
  }
}

const oak: LetterBrand = {
  palette: paletteOf(colours, { accent: '#8a4f1d' }).palette,
  logo: { bytes: pngOf(480, 120), width: 480, height: 120 },
};
const yellow: LetterBrand = {
  palette: paletteOf(colours, { accent: '#ffe600', surface: '#fff8ee' }).palette,
};
const wide: LetterBrand = { logo: { bytes: pngOf(800, 100), width: 800, height: 100 } };

const brands: Readonly<Record<string, LetterBrand | undefined>> = {
  registration: oak,
  'password-reset': yellow,
  'already-registered': wide,
};

const write = createLetterWriter({ print: printLetter, issuer: LETTER_ISSUER });

/** By the name of the state; each as it would be sent. */
export function lettersIn(language: Language): Record<string, ReturnType<typeof write>> {
  return Object.fromEntries([
    ...Object.entries(letterKinds).map(([name, facts]) => [
      name,
      write(letterOf(facts), { language, shop: 'Alder & Oak', brand: brands[name] }),
    ]),
    [
      'password-changed-host',
      write(letterOf({ kind: 'password_changed' }, { shop: undefined }), { language }),
    ],
    [
      'password-reset-long-name',
      write(letterOf({ kind: 'password_reset', token }), {
        language,
        shop: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerk',
      }),
    ],
  ]);
}

/** The letter as a browser can show it: its pictures are in it. */
export const shownInBrowser = ({ html, pictures }: ReturnType<typeof write>): string =>
  pictures.reduce(
    (shown, { cid, type, bytes }) =>
      shown.replaceAll(
        `cid:${cid}`,
        `data:${type};base64,${Buffer.from(bytes).toString('base64')}`,
      ),
    html,
  );
