/**
 * Prints a letter twice, as text and as HTML, from one template in `views/email`. A template
 * says what there is to say with a pen; there is one for each form, and the HTML one escapes
 * every word it is given.
 */
import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';
import { type LetterColours, type LetterTheme, sheetOf, stylesOf } from './letter-styles.js';
import type { Picture } from './mailer.js';

export type { LetterColours, LetterTheme } from './letter-styles.js';

const eta = new Eta({
  views: fileURLToPath(new URL('../../views/', import.meta.url)),
  cache: true,
  autoEscape: true,
});
const escapeHtml = (text: string) => eta.config.escapeFunction(text);

export type Fact = readonly [label: string, value: string];

/** What is the same in every letter: who writes, how it looks, and in which language. */
export type Stationery = {
  readonly subject: string;
  readonly shop: string;
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly colours: Readonly<Record<LetterTheme, LetterColours>>;
  /** A picture that travels with the letter, and the size it is shown in. */
  readonly logo?:
    | { readonly bytes: Uint8Array; readonly width: number; readonly height: number }
    | undefined;
  /** "When: 9 o’clock", as the language puts it. */
  readonly fact: (label: string, value: string) => string;
};

type Pen = {
  paragraph(text: string): string;
  heading(text: string): string;
  facts(rows: readonly Fact[]): string;
  /** A code to be typed, large enough to be read across a desk. */
  code(text: string): string;
  /**
   * The address of a page of ours; never one that came from somebody else. With a label it is a
   * button, and the address stands below it: some programs show no buttons, some people want to
   * see where they are led.
   */
  link(href: string | undefined, label?: string): string;
  /** What stands at the end of every letter: who sent it, and why. */
  foot(...texts: readonly string[]): string;
};

/** Columns on a screen of fixed width: an ideograph takes two. */
const columns = (text: string) =>
  [...text].reduce((sum, sign) => sum + (/[\u2e80-\uffef]/u.test(sign) ? 2 : 1), 0);

const textPen = ({ fact }: Stationery): Pen => ({
  paragraph: (text) => `${text}\n\n`,
  heading: (text) => `${text}\n${'-'.repeat(columns(text))}\n\n`,
  facts: (rows) => `${rows.map(([label, value]) => `  ${fact(label, value)}`).join('\n')}\n\n`,
  code: (text) => `    ${text}\n\n`,
  link: (href, label) => (href ? `${label ? `${label}\n` : ''}${href}\n\n` : ''),
  foot: (...texts) => texts.map((text) => `${text}\n\n`).join(''),
});

function htmlPen({ colours, direction }: Stationery): Pen {
  const style = stylesOf(colours.light, direction);
  const element = (tag: string, kind: string, text: string, className = '') =>
    `<${tag}${className && ` class="${className}"`} style="${style[kind]}">${text}</${tag}>\n`;
  return {
    paragraph: (text) => element('p', 'paragraph', escapeHtml(text)),
    heading: (text) => element('h2', 'heading', escapeHtml(text)),
    facts: (rows) =>
      `<table class="facts" style="${style.facts}">\n${rows
        .map(
          ([label, value]) =>
            `<tr><th class="muted" scope="row" style="${style.label}">${escapeHtml(label)}</th><td style="${style.value}">${escapeHtml(value)}</td></tr>\n`,
        )
        .join('')}</table>\n`,
    code: (text) => `<p class="code" dir="ltr" style="${style.code}">${escapeHtml(text)}</p>\n`,
    link(href, label) {
      if (!href) return '';
      const to = escapeHtml(href);
      if (label === undefined) {
        return element(
          'p',
          'paragraph',
          `<a class="link" dir="ltr" href="${to}" style="${style.link}">${to}</a>`,
        );
      }
      const button = `<a class="button" href="${to}" style="${style.button}">${escapeHtml(label)}</a>`;
      return `${element('p', 'press', button)}${element('p', 'address', `<span dir="ltr">${to}</span>`, 'muted')}`;
    },
    foot: (...texts) =>
      `<div class="foot" style="${style.foot}">\n${texts
        .map((text) => element('p', 'small', escapeHtml(text), 'muted'))
        .join('')}</div>\n`,
  };
}

export type Printed = {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly pictures: readonly Picture[];
};

/** What a letter calls its logo (RFC 2392); no other part of a message has this name. */
const LOGO = 'logo@latchkey';

/** Prints `views/email/<template>.eta`; `subject` is its heading in both forms as well. */
export function printLetter(
  template: string,
  data: Stationery & Readonly<Record<string, unknown>>,
): Printed {
  const { subject, logo, colours, direction } = data;
  const bodyFor = (pen: Pen) => eta.render(`email/${template}`, { ...data, pen }).trim();
  const html = eta.render('email/layout', {
    ...data,
    logo: logo && { src: `cid:${LOGO}`, width: logo.width, height: logo.height },
    style: stylesOf(colours.light, direction),
    sheet: sheetOf(colours.dark),
    body: bodyFor(htmlPen(data)),
  });
  const text = `${subject}\n\n${bodyFor(textPen(data))}\n`.replace(/\n{3,}/g, '\n\n');
  const pictures = logo ? [{ cid: LOGO, type: 'image/png' as const, bytes: logo.bytes }] : [];
  return { subject, text, html, pictures };
}
