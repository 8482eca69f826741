/** The words of letters: for every kind, in both forms, whatever stands in them. */
import { describe, expect, test } from 'vitest';
import type {
  Circumstances,
  FarewellFacts,
  Letter,
  LetterFacts,
  NewcomerFacts,
} from '../../src/domain/mail/index.js';
import { createLetterWriter } from '../../src/jobs/letters.js';
import { printLetter } from '../../src/platform/letter-press.js';

const issuer = 'https://id.shop.example';
const accountUrl = `${issuer}/account`;
const write = createLetterWriter({ print: printLetter, issuer, accountUrl });

type Facts = LetterFacts | NewcomerFacts | FarewellFacts;

const everyKind: readonly Facts[] = [
  { kind: 'suspicious_sign_in', why: ['after_failures', 'new_device', 'new_network'] },
  { kind: 'suspicious_sign_in', why: ['new_device'], by: 'passkey' },
  { kind: 'suspicious_sign_in', why: ['new_network'], by: 'email_code' },
  { kind: 'sign_in_code', code: '012345' },
  { kind: 'address_confirmed' },
  { kind: 'passkey_changed', change: 'added', name: 'my phone' },
  { kind: 'passkey_changed', change: 'removed', name: 'evil.example/now' },
  { kind: 'passkey_changed', change: 'suspicious', name: '' },
  { kind: 'sign_in_void' },
  { kind: 'sign_in_void', by: 'email_code' },
  { kind: 'second_factor_changed', change: 'added' },
  { kind: 'second_factor_changed', change: 'removed' },
  { kind: 'second_factor_changed', change: 'recovery_codes_made' },
  { kind: 'recovery_code_used', left: 0 },
  { kind: 'recovery_code_used', left: 7 },
  { kind: 'password_changed' },
  { kind: 'phone_changed', change: 'added' },
  { kind: 'phone_changed', change: 'changed' },
  { kind: 'phone_changed', change: 'removed' },
  { kind: 'account_closed' },
  { kind: 'password_reset', token: 't0ken' },
  { kind: 'registration', token: 't0ken', code: '012345' },
  { kind: 'already_registered' },
];
const cases = everyKind.map((facts) => [JSON.stringify(facts), facts] as const);

const letterOf = (facts: Facts, more: Partial<Circumstances> = {}): Letter => {
  const told = { at: new Date('2026-11-22T09:12:00Z'), shop: 'Alder & Oak', ...more };
  if (facts.kind === 'account_closed') return { to: 'mara@fernhill.example', ...told, ...facts };
  return facts.kind === 'registration'
    ? { registrationId: 'b1f6', ...told, ...facts }
    : { accountId: 'b1f6', ...told, ...facts };
};
/** A code is typed where it was asked for; and a closed account is not there to look after. */
const linkless: readonly Facts['kind'][] = ['sign_in_code', 'account_closed'];
const linkOf: Readonly<Partial<Record<Facts['kind'], string>>> = {
  address_confirmed: `${issuer}/recovery`,
  password_reset: `${issuer}/recovery/t0ken`,
  registration: `${issuer}/register/t0ken`,
  already_registered: `${issuer}/recovery`,
};

describe.each(cases)('%s', (_name, facts) => {
  test('says what happened, when, and what to do if it was somebody else', () => {
    const { subject, text, html } = write(letterOf(facts));
    expect(subject).toContain('Alder & Oak');
    for (const form of [text, html]) {
      expect(form).toContain('22 November 2026 at 09:12 UTC');
      expect(form).toContain('If this was not you');
      expect(form).not.toMatch(/undefined|null|\[object|<%/);
    }
    // The two forms say the same.
    const words = html
      .replace(/^[\s\S]*<\/h1>|<[^>]+>/g, ' ')
      .replaceAll('&amp;', '&')
      .match(/[\p{L}\p{N}]+/gu);
    const said = text.slice(subject.length).match(/[\p{L}\p{N}]+/gu);
    expect(words).toEqual(said);
  });

  test('whatever it is told, links nowhere but to the server itself', () => {
    const hostile = '"><a href="https://evil.example/x">Click</a>\r\nBcc: eve@evil.example\u202e';
    const { subject, text, html } = write(
      letterOf(facts, { shop: hostile, device: hostile, network: 'www.evil.example:80/login' }),
    );
    expect(subject).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(subject.length).toBeLessThan(120);
    const own = linkless.includes(facts.kind) ? [] : [linkOf[facts.kind] ?? accountUrl];
    expect(html.match(/href="[^"]*"/g) ?? []).toEqual(own.map((link) => `href="${link}"`));
    const shown = text.match(/https?:\S+/g) ?? [];
    expect(shown.filter((link) => !link.includes('evil'))).toEqual(own);
    const facts_ = text.slice(text.indexOf('  When:'), text.indexOf('\n\nIf this was'));
    const named = 'name' in facts && facts.name !== '';
    expect(facts_.split('\n')).toHaveLength(named ? 4 : 3);
    expect(facts_).not.toMatch(/evil\.example|:\/\/|@/);
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
  expect(write(letter as Letter).subject).toBe('Your id.shop.example password was changed');
});
