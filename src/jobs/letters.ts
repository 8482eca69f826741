/**
 * From a letter to its words. What is said of people goes in here cleaned: a name that a
 * stranger chose ("Dear visit evil.example") would travel under our signature, so no letter
 * greets by name, and every value from outside becomes plain words on one line.
 */
import type { Letter, Surprise } from '../domain/mail/index.js';

export type Printed = { readonly subject: string; readonly text: string; readonly html: string };

/** Prints a template of `views/email`. */
export type Press = (
  template: string,
  data: { readonly subject: string; readonly shop: string } & Record<string, unknown>,
) => Printed;

const reasons: Readonly<Record<Surprise, string>> = {
  after_failures: 'It came after several tries with a wrong password or code.',
  new_device: 'We have not seen this device with your account before.',
  new_network: 'It came from a place we have not seen with your account before.',
};

const means = {
  password: 'your password',
  passkey: 'your passkey',
  email_code: 'a code by e-mail',
} as const;

const when = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
});

export function createLetterWriter(parts: {
  readonly print: Press;
  readonly issuer: string;
  /** The page where people look after their account, once there is one. */
  readonly accountUrl?: string | undefined;
}): (letter: Letter) => Printed {
  const host = new URL(parts.issuer).host;

  return (letter) => {
    const shop = plainName(letter.shop ?? '') || host;
    const facts: [string, string][] = [['When', `${when.format(letter.at)} UTC`]];
    const device = plainWords(letter.device ?? '');
    if (device) facts.push(['Device', device]);
    const network = plainWords(letter.network ?? '');
    if (network) facts.push(['Network', network]);
    const common = { shop, host, facts, accountUrl: parts.accountUrl };

    switch (letter.kind) {
      case 'suspicious_sign_in':
        return parts.print('suspicious-sign-in', {
          ...common,
          subject: `New sign-in to your ${shop} account`,
          reasons: letter.why.map((reason) => reasons[reason]),
          by: means[letter.by ?? 'password'],
          byMail: letter.by === 'email_code',
        });
      case 'sign_in_code':
        return parts.print('sign-in-code', {
          ...common,
          subject: `Your code to sign in at ${shop}`,
          code: `${letter.code.slice(0, 3)} ${letter.code.slice(3)}`,
        });
      case 'address_confirmed':
        return parts.print('address-confirmed', {
          ...common,
          subject: `Your e-mail address for ${shop} is confirmed`,
          link: `${parts.issuer}/recovery`,
        });
      case 'sign_in_void':
        return parts.print('sign-in-void', {
          ...common,
          subject: `A sign-in to your ${shop} account was stopped`,
          byMail: letter.by === 'email_code',
        });
      case 'second_factor_changed':
        return parts.print('second-factor-changed', {
          ...common,
          subject: {
            added: `A second step was added to your ${shop} account`,
            removed: `The second step was removed from your ${shop} account`,
            recovery_codes_made: `New recovery codes for your ${shop} account`,
          }[letter.change],
          change: letter.change,
        });
      case 'second_factor_reset_planned':
        return parts.print('second-factor-reset-planned', {
          ...common,
          subject: `The second step of your ${shop} account is to be removed`,
          effectiveAt: `${when.format(new Date(letter.effectiveAt))} UTC`,
          link: `${parts.issuer}/recovery/second-step/${letter.token}`,
        });
      case 'second_factor_reset_stopped':
        return parts.print('second-factor-reset-stopped', {
          ...common,
          subject: `The second step of your ${shop} account stays`,
        });
      case 'passkey_changed': {
        const name = plainWords(letter.name);
        return parts.print('passkey-changed', {
          ...common,
          facts: name ? [...facts, ['Passkey', name]] : facts,
          subject: {
            added: `A passkey was added to your ${shop} account`,
            removed: `A passkey was removed from your ${shop} account`,
            suspicious: `A passkey of your ${shop} account was refused`,
          }[letter.change],
          change: letter.change,
        });
      }
      case 'recovery_code_used':
        return parts.print('recovery-code-used', {
          ...common,
          subject: `A recovery code was used for your ${shop} account`,
          left: letter.left,
        });
      case 'password_changed':
        return parts.print('password-changed', {
          ...common,
          subject: `Your ${shop} password was changed`,
        });
      case 'phone_changed':
        return parts.print('phone-changed', {
          ...common,
          subject: {
            added: `A phone number was added to your ${shop} account`,
            changed: `The phone number of your ${shop} account was changed`,
            removed: `The phone number of your ${shop} account was removed`,
          }[letter.change],
          change: letter.change,
        });
      case 'account_closed':
        return parts.print('account-closed', {
          ...common,
          subject: `Your ${shop} account is closed`,
        });
      case 'password_reset':
        return parts.print('password-reset', {
          ...common,
          subject: `Choose a new password for your ${shop} account`,
          // From the configured issuer and nothing else: a link made from a request's Host header
          // would carry the token to whoever sent that request (CWE-640, CVE-2023-49097).
          link: `${parts.issuer}/recovery/${letter.token}`,
        });
      case 'registration':
        return parts.print('registration', {
          ...common,
          // Not in the subject: it is shown on locked screens.
          subject: `Confirm your e-mail address for ${shop}`,
          code: `${letter.code.slice(0, 3)} ${letter.code.slice(3)}`,
          link: `${parts.issuer}/register/${letter.token}`,
        });
      case 'already_registered':
        return parts.print('already-registered', {
          ...common,
          subject: `You already have an account at ${shop}`,
          link: `${parts.issuer}/recovery`,
        });
      case 'email_code':
        return parts.print('email-code', {
          ...common,
          subject: `Confirm your new e-mail address for ${shop}`,
          code: `${letter.code.slice(0, 3)} ${letter.code.slice(3)}`,
        });
      case 'email_wanted':
        return parts.print('email-wanted', {
          ...common,
          subject: `Your e-mail address is in use at ${shop}`,
        });
      case 'email_left':
        return parts.print('email-left', {
          ...common,
          subject: `The e-mail address of your ${shop} account was changed`,
          link: letter.token && `${parts.issuer}/restore-email/${letter.token}`,
        });
      case 'email_changed':
        return parts.print('email-changed', {
          ...common,
          subject: `This is the e-mail address of your ${shop} account now`,
        });
      case 'email_restored':
        return parts.print('email-restored', {
          ...common,
          subject: `The e-mail address of your ${shop} account is back`,
          link: `${parts.issuer}/recovery/${letter.token}`,
        });
      case 'email_undone':
        return parts.print('email-undone', {
          ...common,
          subject: `A change of e-mail address at ${shop} was undone`,
        });
    }
  };
}

const shorten = (text: string, length: number) =>
  text.length > length ? `${text.slice(0, length - 1).trimEnd()}…` : text;

/** One line without invisible characters; an operator chose it, so its dots may stay. */
function plainName(name: string): string {
  return shorten(name.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim(), 60);
}

/**
 * Letters, digits and a few marks. Mail programs make a link of anything like `evil.example`
 * or `https:`, so a dot, colon or slash stays only where a network is written with it
 * (`203.0.113.0/24`, `2001:db8::/48`).
 */
function plainWords(text: string): string {
  const kept = text
    .replace(/[^\p{L}\p{N} (),+_'’.:/-]+/gu, ' ')
    .replace(/(?<!\p{N})\.|\.(?!\p{N})/gu, ' ')
    .replace(/(?<![0-9a-f:]):|:(?![0-9a-f:/])/gu, ' ')
    .replace(/(?<![\p{N}:])\/|\/(?!\p{N})/gu, ' ');
  return shorten(kept.replace(/\s+/gu, ' ').trim(), 80);
}
