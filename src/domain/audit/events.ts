/**
 * Every security fact that is recorded, as one table. `docs/audit-events.md` shows the same
 * rows; a test holds them equal.
 */

export const auditEvents = {
  account_created: 'An account was created.',
  account_disabled: 'An account was disabled; its sessions, grants and tokens ended.',
  account_enabled: 'A disabled account was enabled again.',
  claim_mapped: 'A claim of the shop’s own was declared.',
  claim_unmapped: 'A claim of the shop’s own was taken away.',
  client_configured: 'The protocol settings of a client were changed.',
  client_created: 'A client was registered.',
  client_registered: 'A client registered itself with an initial access token.',
  client_changed: 'A client that registered itself changed its registration.',
  client_deleted: 'A client that registered itself was taken away, by itself or by an operator.',
  registration_token_created:
    'An initial access token was made, with which clients can register themselves.',
  registration_token_revoked: 'An initial access token was revoked; its clients stay.',
  client_sign_up_changed: 'Whether newcomers may create an account at a client was changed.',
  client_email_code_changed:
    'Whether shoppers may sign in at a client with a code by e-mail was changed.',
  client_scopes_granted: 'What a client may ask for at an API was changed.',
  client_brand_changed: 'The logo or the colours of a client’s pages were changed or taken away.',
  client_disabled: 'A client was disabled; everything issued to it ended.',
  client_enabled: 'A disabled client was enabled again.',
  resource_server_created: 'An API was made known.',
  scope_demand_changed: 'What a scope asks of the log-in behind it was changed.',
  client_secret_issued: 'A client was given a new secret.',
  access_revoked: 'An administrator ended sessions, tokens or credentials of an account.',
  sign_in_succeeded: 'Somebody proved to be the owner of an account.',
  sign_in_refused: 'A sign-in was refused; `details.reason` says why.',
  login_suspicious: 'A sign-in succeeded after failures, on a new device or from a new network.',
  sign_in_void:
    'A right password, or code by e-mail, was followed by five wrong codes; that sign-in ended.',
  sign_in_code_requested:
    'A code by e-mail to sign in with was asked for; `details.reason` says why none was sent.',
  sign_in_code_void: 'Five wrong codes ended a code by e-mail.',
  address_confirmed:
    'A code or link in a letter proved an address that nobody had proven; what was in the account ended.',
  registration_requested:
    'Somebody wanted to create an account and asked for a letter; `details.reason` says why none was sent.',
  registration_void: 'Five wrong codes ended the creation of an account.',
  account_unlocked: 'The guess counters of an account were cleared.',
  letter_refused:
    'The mail server of an account’s address refused a letter for good; `details.letter` is its kind.',
  profile_changed:
    'An account owner changed what the profile says; `details.fields` names the fields.',
  data_exported: 'An account owner downloaded what is kept about them.',
  account_closed: 'An account owner closed the account; all that it had ended, and its key went.',
  password_changed: 'An account owner changed the password; everything else signed in ended.',
  password_change_refused: 'A password was not changed, because the current one was not right.',
  signed_out_everywhere: 'An account owner ended every session, grant and known device.',
  sessions_ended: 'An account owner signed other browsers out.',
  application_removed: 'An account owner took back what a client had.',
  password_reset_requested:
    'A letter with a link to choose a new password was asked for; `details.reason` says why none was sent.',
  password_reset:
    'An account owner chose a new password through a link in a letter; everything signed in ended.',
  email_change_requested:
    'An account owner wanted another e-mail address and asked for a letter to it; `details.reason` says why none was sent.',
  email_change_void: 'Five wrong codes ended a change of e-mail address.',
  email_changed: 'An account owner changed the e-mail address; everything else signed in ended.',
  email_change_undone:
    'The old e-mail address of an account was taken back through a link in a letter; everything signed in and the password ended.',
  device_forgotten: 'Known devices of an account were forgotten.',
  device_trust_ended: 'A remembered device no longer stands in for the second factor.',
  second_factor_removed: 'An authenticator app and its recovery codes were taken away.',
  second_factor_reset_planned: 'A lost second factor is to be taken away after a waiting time.',
  second_factor_reset_stopped:
    'A planned reset was stopped; `details.by` says whether through the link, by staff or by using the factor.',
  recovery_codes_replaced: 'An account got new recovery codes; the old ones ended.',
  account_client_settled: 'The built-in client of the account pages was registered or corrected.',
  second_factor_added: 'An authenticator app was set up for an account.',
  recovery_code_used: 'A recovery code stood in for the authenticator app.',
  passkey_added: 'A passkey was added to an account.',
  passkey_renamed: 'An account owner gave a passkey another name.',
  passkey_removed: 'Passkeys of an account were taken away.',
  passkey_suspicious: 'The count of a passkey did not rise: there may be a copy. It was refused.',
  consent_granted: 'An account owner allowed a client what it asked for.',
  consent_refused: 'An account owner refused a client.',
  payment_approved:
    'An account owner approved one payment; `details` has its amount, currency and order.',
  backchannel_logout_failed:
    'A client could not be told that a session with it has ended; `details.why` says why the last try failed.',
  acted_for_shopper:
    'One of staff got a token to act for a shopper; `details.reason` says why, in their words.',
  acting_refused:
    'One of staff got no token to act for a shopper; `details.cause` says whether because of them or of the account.',
  device_authorized: 'An account owner let a device in that showed a code.',
  device_denied:
    'A device that showed a code was not let in; `details.reason` says whether somebody refused it.',
  code_reuse:
    'A used authorization code, or code of a device, came back; everything it led to ended.',
  refresh_reuse:
    'A used refresh token came back after its grace; its whole family ended, and its owner was written to.',
  signing_keys_created: 'The first signing keys were made.',
  signing_keys_rotated: 'New signing keys were made; the old ones stay published for a while.',
  signing_keys_revoked:
    'Signing keys were taken out in an emergency; nothing they signed counts any more.',
  demo_seeded: 'The demo shop was put into an empty database.',
} as const;

export type AuditEventName = keyof typeof auditEvents;
