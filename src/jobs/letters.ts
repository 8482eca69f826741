/**
 * From a letter to its words, in the reader's language and the shop's colours. No letter greets
 * by name, and what is said of people goes in cleaned: see `letter-words.ts`. What there is to
 * say of each kind, and how a further one is added, stands in `letter-contents.ts`.
 */
import type { Letter } from '../domain/mail/index.js';
import type { LetterSetting } from '../flows/send-letter.js';
import { DEFAULT_LANGUAGE } from '../kernel/language.js';
import { type Words, wordsIn } from '../words/index.js';
import { contentsOf } from './letter-contents.js';
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

export function createLetterWriter(parts: {
  readonly print: Press;
  readonly issuer: string;
}): (letter: Letter, setting?: LetterSetting) => Printed {
  const { issuer } = parts;
  const { host } = new URL(issuer);

  return (letter, setting = {}) => {
    const words = wordsIn(setting.language ?? DEFAULT_LANGUAGE);
    const { language, direction, t } = words;
    const shop = plainName(setting.shop ?? letter.shop ?? '') || host;
    const { template, more, ...contents } = contentsOf(letter, words, { shop, issuer });
    const network = plainWords(letter.network ?? '');
    return parts.print(template, {
      ...lookOf(setting.brand),
      language,
      direction,
      t,
      fact: (label: string, value: string) => t('mail.fact', { label, value }),
      shop,
      sentBy: shop === host ? t('mail.sent-by-host', { host }) : t('mail.sent-by', { host, shop }),
      facts: [
        [t('mail.when'), t('mail.moment', { at: letter.at })],
        ...(letter.device ? [[t('mail.device'), deviceIn(words, letter.device)]] : []),
        ...(network ? [[t('mail.network'), network]] : []),
        ...(more ? [more] : []),
      ],
      accountUrl: `${issuer}/account`,
      recoveryUrl: `${issuer}/recovery`,
      ...contents,
    });
  };
}
