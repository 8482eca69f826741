/** The words of letters: for every kind, in both forms and every language, whatever stands in them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { paletteOf } from '../../src/domain/clients/brand/palette.js';
import type { Letter } from '../../src/domain/mail/index.js';
import type { LetterSetting } from '../../src/flows/send-letter.js';
import { letterColours } from '../../src/jobs/letter-look.js';
import { createLetterWriter } from '../../src/jobs/letters.js';
import { LANGUAGES } from '../../src/kernel/language.js';
import { colours as science } from '../../src/platform/colours.js';
import { printLetter } from '../../src/platform/letter-press.js';
import { wordsIn } from '../../src/words/index.js';
import { type Facts, LETTER_ISSUER, letterKinds, letterOf } from '../support/letter-states.js';
import { pngOf } from '../support/png.js';

const issuer = LETTER_ISSUER;
const write = createLetterWriter({ print: printLetter, issuer });

const wordsOf = (text: string) => text.match(/[\p{L}\p{N}]+/gu);
const plainOf = (html: string) =>
  html
    .replace(/^[\s\S]*<\/h1>|<[^>]+>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll('&#39;', "'");
/** Where the buttons and links of a letter lead. */
const linksOf = (facts: Facts): string[] => {
  switch (facts.kind) {
    case 'password_reset':
      return [`${issuer}/recovery/${facts.token}`];
    case 'approval_asked':
      return [`${issuer}/account/approvals`];
    case 'token_reused':
      return [`${issuer}/account/sessions`, `${issuer}/recovery`];
    case 'registration':
      return [`${issuer}/register/${facts.token}`];
    case 'already_registered':
      return [`${issuer}/recovery`];
    case 'address_confirmed':
      return [`${issuer}/recovery`];
    case 'email_left':
      return facts.token ? [`${issuer}/restore-email/${facts.token}`] : [];
    case 'email_restored':
      return [`${issuer}/recovery/${facts.token}`];
    case 'second_factor_reset_planned':
      return [`${issuer}/recovery/second-step/${facts.token}`];
    // A code is typed where it was asked for; and what is closed, or not theirs, has no pages.
    case 'sign_in_code':
    case 'account_closed':
    case 'email_code':
    case 'email_wanted':
    case 'email_undone':
      return [];
    default:
      return [`${issuer}/account`, `${issuer}/recovery`];
  }
};

describe.each(Object.entries(letterKinds))('%s', (_name, facts) => {
  test('says what happened, when, and what to do if it was somebody else', () => {
    const { subject, text, html } = write(letterOf(facts));
    expect(subject).toContain('Alder & Oak');
    for (const form of [text, html]) {
      expect(form).toContain('22 November 2026 at 09:12 UTC');
      expect(form).toMatch(/If this was not you|If you made the change and did not|never set up/);
    }
  });

  test.each(LANGUAGES)(
    'says the same in both forms, and all of it in one language (%s)',
    (language) => {
      const letter = letterOf(facts, { device: 'A browser on macOS' });
      const { subject, text, html } = write(letter, { language });
      const { t } = wordsIn(language);
      for (const form of [text, html]) {
        expect(form).not.toMatch(/\bundefined\b|\bnull\b|\[object|<%|\{\w+\}/);
        expect(form).toContain(t('page.device-of-system', { system: 'macOS' }));
      }
      expect(html).toContain(`<html lang="${language}" dir="ltr">`);
      expect(wordsOf(plainOf(html))).toEqual(wordsOf(text.slice(subject.length)));
      if (language === 'en') return;
      // Nothing of the English one is left but names, numbers and addresses.
      const english = write(letter)
        .text.split('\n')
        .filter((line) => / .*[.:]$/.test(line));
      for (const line of english) expect(text).not.toContain(line);
    },
  );

  test('whatever it is told, links nowhere but to the server itself', () => {
    const hostile = '"><a href="https://evil.example/x">Click</a>\r\nBcc: eve@evil.example\u202e';
    const { subject, text, html } = write(
      letterOf(facts, { shop: hostile, device: hostile, network: 'www.evil.example:80/login' }),
    );
    expect(subject).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(subject.length).toBeLessThan(120);
    const own = linksOf(facts);
    expect(html.match(/href="[^"]*"/g) ?? []).toEqual(own.map((link) => `href="${link}"`));
    const shown = text.match(/https?:\S+/g) ?? [];
    expect(shown.filter((link) => !link.includes('evil'))).toEqual(own);
    const [facts_ = ''] = text.slice(text.indexOf('  When:')).split('\n\n');
    const named = 'name' in facts && facts.name !== '';
    expect(facts_.split('\n')).toHaveLength(named ? 4 : 3);
    expect(facts_).not.toMatch(/evil\.example|:\/\/|@/);
  });

  test('loads nothing to be read', () => {
    const brand = { logo: { bytes: pngOf(480, 120), width: 480, height: 120 } };
    const { html, pictures } = write(letterOf(facts), { brand });
    expect(html.match(/src="[^"]*"/g)).toEqual(['src="cid:logo@latchkey"']);
    expect(html).not.toMatch(/url\(|@import|<link|<script|srcset|background="/i);
    expect(pictures.map(({ cid }) => cid)).toEqual(['logo@latchkey']);
    expect(html).toContain('width="192" height="48" alt="Alder &amp; Oak"');
  });
});

test.each([
  ['203.0.113.0/24', '203.0.113.0/24'],
  ['2001:db8:1::/48, Germany', '2001:db8:1::/48, Germany'],
  ['http://evil.example', 'http evil example'],
  ['mailto:eve@evil.example', 'mailto eve evil example'],
])('a network %s is shown as %s', (network, shown) => {
  expect(write(letterOf({ kind: 'password_changed' }, { network })).text).toContain(
    `  Network: ${shown}\n`,
  );
});

test('a code stands in its letter once, in two groups, and not in the subject', () => {
  const { subject, text, html } = write(letterOf({ kind: 'sign_in_code', code: '012345' }));
  expect(subject).not.toMatch(/\d/);
  for (const form of [text, html]) expect(form.match(/012\s345/g)).toHaveLength(1);
});

test('whoever reads the mail is more than a password away: the mailbox comes first', () => {
  for (const facts of [
    { kind: 'suspicious_sign_in', why: ['new_device'], by: 'email_code' },
    { kind: 'sign_in_void', by: 'email_code' },
    { kind: 'address_confirmed' },
  ] satisfies Facts[]) {
    const { text } = write(letterOf(facts));
    expect(text).toContain('Change the password of your mailbox first');
    expect(text).not.toMatch(/your (?:Alder & Oak )?password and then|with your password/);
  }
});

test('without a shop the server speaks for itself', () => {
  const { shop: _shop, ...letter } = letterOf({ kind: 'password_changed' });
  const { subject, text } = write(letter as Letter);
  expect(subject).toBe('Your id.alder-oak.example password was changed');
  expect(text).toContain('This letter was sent by id.alder-oak.example.\n');
});

test.each([
  ['Firefox on Windows', 'Firefox unter Windows'],
  ['A browser on macOS', 'Ein Browser unter macOS'],
  ['An unknown browser', 'Ein unbekannter Browser'],
  ['DuckDuckGo', 'DuckDuckGo'],
  ['evil.example on Windows', 'Ein Browser unter Windows'],
  ['a on b on c', 'Ein unbekannter Browser'],
  ['Chrome on iPhone', 'Chrome auf dem iPhone'],
])('a device %s is %s in German', (device, shown) => {
  const letter = letterOf({ kind: 'password_changed' }, { device });
  expect(write(letter, { language: 'de' }).text).toContain(`  Gerät: ${shown}\n`);
});

describe('colours', () => {
  const colours = (setting: LetterSetting) =>
    write(letterOf({ kind: 'password_changed' }), setting);

  test('are those of our pages where the shop has none', () => {
    const css = readFileSync(new URL('../../views/assets/latchkey.css', import.meta.url), 'utf8');
    const [light = '', dark = ''] = css.split('prefers-color-scheme: dark');
    const { html } = colours({});
    for (const [theme, sheet] of [
      ['light', light],
      ['dark', dark],
    ] as const) {
      for (const [name, value] of Object.entries(letterColours[theme])) {
        expect(sheet).toContain(`--${name}: ${value};`);
        expect(html).toContain(value);
      }
    }
  });

  test('are the shop’s where it has chosen some, and nothing but colours', () => {
    const evil = 'red;background:url(https://evil.example/x)';
    const palette = paletteOf(science, { accent: '#8a4f1d' }).palette;
    const { html } = colours({ brand: { palette } });
    expect(html).toContain(
      `background:${palette.light.accent};color:${palette.light['accent-text']}`,
    );
    expect(html).toContain(`.button{background:${palette.dark.accent}!important`);
    const light = { ...palette.light, accent: evil };
    expect(colours({ brand: { palette: { ...palette, light } } }).html).not.toContain('evil');
  });
});
