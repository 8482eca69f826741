/**
 * Which security facts an owner gets to see, and as what. The record is written for auditors: it
 * holds what is none of an owner's business, and what only means something to operators. So this
 * is a list of what may be shown, with a line for every event there is: a new one does not compile
 * before somebody has decided.
 */
import type { AuditEntry, AuditEventName } from '../../domain/audit/index.js';

export const activityKinds = [
  'account-created',
  'account-disabled',
  'account-enabled',
  'access-revoked',
  'credentials-revoked',
  'acted-for',
  'unlocked',
  'signed-in',
  'sign-in-unusual',
  'password-wrong',
  'code-wrong',
  'passkey-refused',
  'sign-in-refused',
  'sign-in-stopped',
  'password-changed',
  'password-change-refused',
  'password-asked',
  'password-reset',
  'sessions-ended',
  'signed-out-everywhere',
  'application-allowed',
  'application-refused',
  'payment-approved',
  'device-let-in',
  'device-refused',
  'application-removed',
  'application-replayed',
  'devices-forgotten',
  'device-distrusted',
  'app-added',
  'app-removed',
  'second-step-reset',
  'second-step-reset-planned',
  'second-step-reset-stopped',
  'codes-replaced',
  'code-used',
  'passkey-added',
  'passkey-renamed',
  'passkey-removed',
  'passkey-suspicious',
  'email-asked',
  'email-stopped',
  'email-changed',
  'email-restored',
  'email-confirmed',
  'sign-in-code-asked',
  'sign-in-code-void',
  'letter-refused',
  'profile-changed',
  'data-exported',
] as const;

/** What happened, by the name of its words. */
export type ActivityKind = (typeof activityKinds)[number];

type Told = Pick<AuditEntry, 'actorKind' | 'details'>;
type Rule = ActivityKind | ((entry: Told) => ActivityKind) | 'left-out';

/** An administrator, a program of theirs, somebody at the command line, or a help desk. */
export const isByStaff = ({ actorKind, event }: Pick<AuditEntry, 'actorKind' | 'event'>): boolean =>
  actorKind === 'operator' || actorKind === 'client' || event === 'acted_for_shopper';

/** What was wrong with a sign-in, where that may be told. */
function refusal({ details }: Told): ActivityKind {
  const { factor, reason } = details;
  if (factor === 'passkey') return 'passkey-refused';
  if (factor === 'code' || factor === 'email_code') return 'code-wrong';
  // Else the password was right, and the account was not to be opened.
  return reason === 'wrong_password' ? 'password-wrong' : 'sign-in-refused';
}

const rules: Readonly<Record<AuditEventName, Rule>> = {
  account_created: 'account-created',
  account_disabled: 'account-disabled',
  account_enabled: 'account-enabled',
  access_revoked: ({ details }) =>
    String(details.what).split(' ').includes('credentials')
      ? 'credentials-revoked'
      : 'access-revoked',
  // That it was done, when and with what; whom it was, and in which words, is the shop's record.
  acted_for_shopper: 'acted-for',
  account_unlocked: 'unlocked',
  sign_in_succeeded: 'signed-in',
  sign_in_refused: refusal,
  login_suspicious: 'sign-in-unusual',
  sign_in_void: 'sign-in-stopped',
  password_changed: 'password-changed',
  password_change_refused: 'password-change-refused',
  password_reset_requested: 'password-asked',
  password_reset: 'password-reset',
  sessions_ended: 'sessions-ended',
  signed_out_everywhere: 'signed-out-everywhere',
  application_removed: 'application-removed',
  consent_granted: 'application-allowed',
  consent_refused: 'application-refused',
  payment_approved: 'payment-approved',
  device_authorized: 'device-let-in',
  device_denied: 'device-refused',
  code_reuse: 'application-replayed',
  refresh_reuse: 'application-replayed',
  device_forgotten: 'devices-forgotten',
  device_trust_ended: 'device-distrusted',
  second_factor_added: 'app-added',
  // What staff have planned is carried out by the clock.
  second_factor_removed: ({ actorKind }) =>
    actorKind === 'account' ? 'app-removed' : 'second-step-reset',
  second_factor_reset_planned: 'second-step-reset-planned',
  second_factor_reset_stopped: 'second-step-reset-stopped',
  recovery_codes_replaced: 'codes-replaced',
  recovery_code_used: 'code-used',
  passkey_added: 'passkey-added',
  passkey_renamed: 'passkey-renamed',
  passkey_removed: 'passkey-removed',
  passkey_suspicious: 'passkey-suspicious',
  email_change_requested: 'email-asked',
  email_change_void: 'email-stopped',
  email_changed: 'email-changed',
  email_change_undone: 'email-restored',
  address_confirmed: 'email-confirmed',
  sign_in_code_requested: 'sign-in-code-asked',
  sign_in_code_void: 'sign-in-code-void',
  letter_refused: 'letter-refused',
  profile_changed: 'profile-changed',
  data_exported: 'data-exported',

  // Nobody is left to read it.
  account_closed: 'left-out',
  // About no account yet.
  registration_requested: 'left-out',
  registration_void: 'left-out',
  // The operators' own affairs.
  acting_refused: 'left-out',
  claim_mapped: 'left-out',
  claim_unmapped: 'left-out',
  client_configured: 'left-out',
  client_created: 'left-out',
  client_registered: 'left-out',
  client_changed: 'left-out',
  client_deleted: 'left-out',
  registration_token_created: 'left-out',
  registration_token_revoked: 'left-out',
  client_sign_up_changed: 'left-out',
  client_email_code_changed: 'left-out',
  client_scopes_granted: 'left-out',
  client_brand_changed: 'left-out',
  client_disabled: 'left-out',
  client_enabled: 'left-out',
  client_secret_issued: 'left-out',
  backchannel_logout_failed: 'left-out',
  resource_server_created: 'left-out',
  scope_demand_changed: 'left-out',
  account_client_settled: 'left-out',
  signing_keys_created: 'left-out',
  signing_keys_rotated: 'left-out',
  signing_keys_revoked: 'left-out',
  demo_seeded: 'left-out',
};

/** The events to ask for. */
export const shownEvents = (Object.keys(rules) as AuditEventName[]).filter(
  (event) => rules[event] !== 'left-out',
);

/** As what an entry is shown; nothing if it is not. */
export function activityKind(entry: Pick<AuditEntry, 'event'> & Told): ActivityKind | undefined {
  const rule = Object.hasOwn(rules, entry.event)
    ? rules[entry.event as AuditEventName]
    : 'left-out';
  if (rule === 'left-out') return undefined;
  return typeof rule === 'function' ? rule(entry) : rule;
}
