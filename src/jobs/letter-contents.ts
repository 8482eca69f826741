/**
 * What each kind of letter is called, which template says the rest, and what that is told.
 *
 * A further kind: its facts in `domain/mail/letters.ts`; its limit, if strangers can cause it
 * without asking for it, in `domain/mail/limits.ts`; a case below; a template in `views/email`; its
 * messages in the area `mail` of every language; and an entry in `test/support/letter-states.ts`,
 * from which it is drawn, read and compared in every language.
 */
import type { Letter, Surprise } from '../domain/mail/index.js';
import type { Words } from '../words/index.js';
import { plainWords } from './letter-words.js';

export type Contents = {
  readonly template: string;
  readonly subject: string;
  readonly more?: readonly [label: string, value: string];
} & Readonly<Record<string, unknown>>;

const reasons: Readonly<Record<Surprise, string>> = {
  after_failures: 'mail.sign-in-after-failures',
  new_device: 'mail.sign-in-new-device',
  new_network: 'mail.sign-in-new-network',
};
const means = {
  password: 'mail.sign-in-password',
  passkey: 'mail.sign-in-passkey',
  email_code: 'mail.sign-in-code',
} as const;
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
const phoneSubjects = {
  added: 'mail.phone-added-subject',
  changed: 'mail.phone-changed-subject',
  removed: 'mail.phone-removed-subject',
} as const;

/** In two groups, as it is read aloud. No subject has it: those are shown on locked screens. */
const grouped = (code: string) => `${code.slice(0, 3)} ${code.slice(3)}`;

/**
 * @param issuer every link is made from it and from nothing else: one made from a request's Host
 *   header would carry the token to whoever sent that request (CWE-640, CVE-2023-49097)
 */
export function contentsOf(
  letter: Letter,
  { t }: Pick<Words, 't'>,
  { shop, issuer }: { readonly shop: string; readonly issuer: string },
): Contents {
  const named = { shop };
  switch (letter.kind) {
    case 'suspicious_sign_in':
      return {
        template: 'suspicious-sign-in',
        subject: t('mail.sign-in-subject', named),
        what: t(means[letter.by ?? 'password'], named),
        reasons: letter.why.map((reason) => t(reasons[reason])),
        byMail: letter.by === 'email_code',
      };
    case 'sign_in_code':
      return {
        template: 'sign-in-code',
        subject: t('mail.code-subject', named),
        code: grouped(letter.code),
      };
    case 'address_confirmed':
      return { template: 'address-confirmed', subject: t('mail.confirmed-subject', named) };
    case 'sign_in_void':
      return {
        template: 'sign-in-void',
        subject: t('mail.void-subject', named),
        byMail: letter.by === 'email_code',
      };
    case 'second_factor_changed':
      return {
        template: 'second-factor-changed',
        subject: t(stepSubjects[letter.change], named),
        change: letter.change,
      };
    case 'second_factor_reset_planned':
      return {
        template: 'second-factor-reset-planned',
        subject: t('mail.lost-subject', named),
        effectiveAt: new Date(letter.effectiveAt),
        link: `${issuer}/recovery/second-step/${letter.token}`,
      };
    case 'second_factor_reset_stopped':
      return { template: 'second-factor-reset-stopped', subject: t('mail.stays-subject', named) };
    case 'passkey_changed': {
      const name = plainWords(letter.name);
      return {
        template: 'passkey-changed',
        subject: t(passkeySubjects[letter.change], named),
        change: letter.change,
        ...(name ? { more: [t('mail.passkey'), name] as const } : {}),
      };
    }
    case 'token_reused':
      return {
        template: 'token-reused',
        subject: t('mail.reused-subject', named),
        link: `${issuer}/account/sessions`,
      };
    case 'recovery_code_used':
      return {
        template: 'recovery-code-used',
        subject: t('mail.recovery-used-subject', named),
        left: letter.left,
      };
    case 'approval_asked':
      return {
        template: 'approval-asked',
        subject: t('mail.approval-subject', named),
        link: `${issuer}/account/approvals`,
      };
    case 'password_changed':
      return { template: 'password-changed', subject: t('mail.password-changed-subject', named) };
    case 'phone_changed':
      return {
        template: 'phone-changed',
        subject: t(phoneSubjects[letter.change], named),
        change: letter.change,
      };
    case 'account_closed':
      return { template: 'account-closed', subject: t('mail.closed-subject', named) };
    case 'password_reset':
      return {
        template: 'password-reset',
        subject: t('mail.reset-subject', named),
        link: `${issuer}/recovery/${letter.token}`,
      };
    case 'registration':
      return {
        template: 'registration',
        subject: t('mail.register-subject', named),
        code: grouped(letter.code),
        link: `${issuer}/register/${letter.token}`,
      };
    case 'already_registered':
      return {
        template: 'already-registered',
        subject: t('mail.taken-subject', named),
        link: `${issuer}/recovery`,
      };
    case 'email_code':
      return {
        template: 'email-code',
        subject: t('mail.new-address-subject', named),
        code: grouped(letter.code),
      };
    case 'email_wanted':
      return { template: 'email-wanted', subject: t('mail.wanted-subject', named) };
    case 'email_left':
      return {
        template: 'email-left',
        subject: t('mail.left-subject', named),
        link: letter.token && `${issuer}/restore-email/${letter.token}`,
      };
    case 'email_changed':
      return { template: 'email-changed', subject: t('mail.changed-address-subject', named) };
    case 'email_restored':
      return {
        template: 'email-restored',
        subject: t('mail.restored-subject', named),
        link: `${issuer}/recovery/${letter.token}`,
      };
    case 'email_undone':
      return { template: 'email-undone', subject: t('mail.undone-subject', named) };
  }
}
