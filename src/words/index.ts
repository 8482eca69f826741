/**
 * What people read, in their language. One object a language: templates and letters ask it for
 * messages by name and for times in words, and never hold a word themselves.
 */
import { IntlMessageFormat } from 'intl-messageformat';
import { LANGUAGES, type Language } from '../kernel/language.js';
import { textOf } from './catalogue.js';

export type Values = Readonly<Record<string, string | number | Date | undefined>>;

/** Names are the same in every language; the words around them are not. */
export type DeviceNames = {
  readonly browser: string | undefined;
  readonly system: string | undefined;
};

type Filling = Values[string] | ((chunks: readonly unknown[]) => string);

export type Words = {
  readonly language: Language;
  /** For `dir`: the pages use logical properties only, so this turns them round. */
  readonly direction: 'ltr' | 'rtl';
  /** The languages to choose from, each in its own words. */
  readonly languages: readonly { readonly tag: Language; readonly name: string }[];
  /** Plain text: a template escapes it like any other value. Tags of the message are dropped. */
  t(key: string, values?: Values): string;
  /**
   * HTML: the message's own tags stay, every value is escaped. `<a>` leads to `href`, which must
   * be an address of ours; without one its words stand there plain.
   */
  html(key: string, values?: Values & { readonly href?: string | undefined }): string;
  /** "Firefox on Windows", from the names of the two as far as they are known. */
  device(names: DeviceNames): string;
  /** "22 November 2026" as a `time` element. */
  day(date: Date): string;
  /** "22 November 2026 at 09:12 UTC" as a `time` element. */
  minute(date: Date): string;
  /** "€12.90". Exactly the digits of the amount, which is never rounded. */
  money(price: { readonly currency: string; readonly amount: string }): string;
};

// The server does not know the reader's time zone, so it names its own.
const formats = {
  date: {
    day: { dateStyle: 'long', timeZone: 'UTC' },
    minute: {
      year: 'numeric',
      month: 'long',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hour12: false,
      timeZone: 'UTC',
      timeZoneName: 'short',
    },
  },
  time: {
    clock: {
      hour: '2-digit',
      minute: '2-digit',
      hour12: false,
      timeZone: 'UTC',
      timeZoneName: 'short',
    },
  },
} as const;

/** Whose dates and numbers: days before months, in English too. */
const LOCALES: Readonly<Record<Language, string>> = {
  en: 'en-GB',
  de: 'de',
  fr: 'fr',
  es: 'es',
  ja: 'ja',
};

const RIGHT_TO_LEFT: ReadonlySet<string> = new Set(['ar', 'fa', 'he', 'ur']);

/** The tags a message may hold; each stands for itself. */
const TAGS = ['bdi', 'strong', 'em', 'code', 'kbd'] as const;

const plain = (chunks: readonly unknown[]) => chunks.join('');
const bare = Object.fromEntries([...TAGS, 'a'].map((tag) => [tag, plain]));
const marked = Object.fromEntries(
  TAGS.map((tag) => [tag, (chunks: readonly unknown[]) => `<${tag}>${chunks.join('')}</${tag}>`]),
);

const anchor = (href: Values[string]) =>
  typeof href === 'string'
    ? (chunks: readonly unknown[]) => `<a href="${escapeHtml(href)}">${chunks.join('')}</a>`
    : plain;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string) =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);

const escaped = (values: Values) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? escapeHtml(value) : value,
    ]),
  );

const nameOf = (tag: Language): string =>
  new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;

const capital = (name: string, tag: Language) =>
  name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);

const languages = LANGUAGES.map((tag) => ({ tag, name: capital(nameOf(tag), tag) }));

function speak(language: Language): Words {
  const locale = LOCALES[language];
  const compiled = new Map<string, IntlMessageFormat>();

  const format = (key: string, values: Record<string, Filling>): string => {
    let message = compiled.get(key);
    if (!message) {
      message = new IntlMessageFormat(textOf(language, key), locale, formats);
      compiled.set(key, message);
    }
    return String(message.format(values));
  };
  const moment = (style: 'day' | 'minute') => {
    const words = new Intl.DateTimeFormat(locale, formats.date[style]);
    return (date: Date) =>
      `<time datetime="${date.toISOString()}">${escapeHtml(words.format(date))}</time>`;
  };

  const t = (key: string, values: Values = {}) => format(key, { ...values, ...bare });

  return {
    language,
    direction: RIGHT_TO_LEFT.has(language) ? 'rtl' : 'ltr',
    languages,
    t,
    device({ browser, system }) {
      if (browser && system) return t('page.device', { browser, system });
      if (system) return t('page.device-of-system', { system });
      return browser ?? t('page.device-unknown');
    },
    html: (key, values = {}) =>
      format(key, { ...escaped(values), ...marked, a: anchor(values.href) }),
    day: moment('day'),
    minute: moment('minute'),
    money({ currency, amount }) {
      const digits = amount.split('.')[1]?.length ?? 0;
      return new Intl.NumberFormat(locale, {
        style: 'currency',
        currency,
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      }).format(amount as `${number}`);
    },
  };
}

const spoken = new Map<Language, Words>();

/** The words of a language; the same object each time. */
export function wordsIn(language: Language): Words {
  let words = spoken.get(language);
  if (!words) {
    words = speak(language);
    spoken.set(language, words);
  }
  return words;
}
