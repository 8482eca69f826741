/**
 * From a letter to its words, in the reader's language and the shop's colours. No letter greets
 * by name, and what is said of people goes in cleaned: see `letter-words.ts`.
 *
 * A further kind: its facts in `domain/mail/letters.ts`, its limit (if strangers can cause it) in
 * `domain/mail/limits.ts`, a case below, a template in `views/email`, its messages in the area
 * `mail` of every language, and an entry in `test/support/letter-states.ts`, from which it is
 * drawn and looked at in every language.
 */
import type { Letter, Surprise } from '../domain/mail/index.js';
import type { LetterSetting } from '../flows/send-letter.js';
import { DEFAULT_LANGUAGE } from '../kernel/language.js';
import { type Words, wordsIn } from '../words/index.js';
import { type LetterLook, lookOf } from './letter-look.js';
import { deviceIn, plainName, plainWords } from './letter-words.js';

/** A picture that travels with the letter; the HTML calls it `cid:…` (RFC 2392). */
export type Picture = {
  readonly cid: string;
  readonly type: 'image/png';
  readonly bytes: Uint8Array;
};
export type Printed = {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly pictures: readonly Picture[];
};

/** Prints a template of `views/email`. */
export type Press = (
  template: string,
  data: LetterLook &
    Pick<Words, 'language' | 'direction' | 't'> & {
      readonly subject: string;
      readonly shop: string;
      readonly fact: (label: string, value: string) => string;
    } & Readonly<Record<string, unknown>>,
) => Printed;

const reasons: Readonly<Record<Surprise, string>> = {
  after_failures: 'mail.sign-in-after-failures',
  new_device: 'mail.sign-in-new-device',
  new_network: 'mail.sign-in-new-network',
};
const stepSubjects = {
  added: 'mail.step-added-subject',
  removed: 'mail.step-removed-subject',
  recovery_codes_made: 'mail.codes-made-subject',
} as const;
const passkeySubjects = {
  added: 'mail.passkey-added-subject',
  removed: 'mail.passkey-removed-subject',
  suspicious: 'mail.passkey-suspicious-subject',
} as const;

export function createLetterWriter(parts: {
  readonly print: Press;
  readonly issuer: string;
}): (letter: Letter, setting?: LetterSetting) => Printed {
  const { issuer } = parts;
  const { host } = new URL(issuer);

  return (letter, setting = {}) => {
    const { language, direction, t } = wordsIn(setting.language ?? DEFAULT_LANGUAGE);
    const shop = plainName(setting.shop ?? letter.shop ?? '') || host;
    const facts: [string, string][] = [[t('mail.when'), t('mail.moment', { at: letter.at })]];
    const device = deviceIn({ t }, letter.device ?? '');
    if (device) facts.push([t('mail.device'), device]);
    const network = plainWords(letter.network ?? '');
    if (network) facts.push([t('mail.network'), network]);
    const common = {
      ...lookOf(setting.brand),
      language,
      direction,
      t,
      fact: (label: string, value: string) => t('mail.fact', { label, value }),
      shop,
      host,
      sentBy: shop === host ? t('mail.sent-by-host', { host }) : t('mail.sent-by', { host, shop }),
      facts,
      accountUrl: `${issuer}/account`,
      recoveryUrl: `${issuer}/recovery`,
    };

    switch (letter.kind) {
      case 'suspicious_sign_in':
        return parts.print('suspicious-sign-in', {
          ...common,
          subject: t('mail.sign-in-subject', { shop }),
          reasons: letter.why.map((reason) => t(reasons[reason])),
          by: letter.by ?? 'password',
        });
      case 'sign_in_void':
        return parts.print('sign-in-void', {
          ...common,
          subject: t('mail.void-subject', { shop }),
        });
      case 'second_factor_changed':
        return parts.print('second-factor-changed', {
          ...common,
          subject: t(stepSubjects[letter.change], { shop }),
          change: letter.change,
        });
      case 'passkey_changed': {
        const name = plainWords(letter.name);
        return parts.print('passkey-changed', {
          ...common,
          facts: name ? [...facts, [t('mail.passkey'), name]] : facts,
          subject: t(passkeySubjects[letter.change], { shop }),
          change: letter.change,
        });
      }
      case 'recovery_code_used':
        return parts.print('recovery-code-used', {
          ...common,
          subject: t('mail.recovery-used-subject', { shop }),
          left: letter.left,
        });
      case 'password_changed':
        return parts.print('password-changed', {
          ...common,
          subject: t('mail.password-changed-subject', { shop }),
        });
      case 'password_reset':
        return parts.print('password-reset', {
          ...common,
          subject: t('mail.reset-subject', { shop }),
          // From the configured issuer and nothing else: a link made from a request's Host header
          // would carry the token to whoever sent that request (CWE-640, CVE-2023-49097).
          link: `${issuer}/recovery/${letter.token}`,
        });
      case 'registration':
        return parts.print('registration', {
          ...common,
          // Not in the subject: it is shown on locked screens.
          subject: t('mail.register-subject', { shop }),
          code: `${letter.code.slice(0, 3)} ${letter.code.slice(3)}`,
          link: `${issuer}/register/${letter.token}`,
        });
      case 'already_registered':
        return parts.print('already-registered', {
          ...common,
          subject: t('mail.taken-subject', { shop }),
          link: `${issuer}/recovery`,
        });
    }
  };
}
