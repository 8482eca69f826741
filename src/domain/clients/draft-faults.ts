/** What a client may not be registered with, and why; each fault is a sentence for its operator. */
import { isStorable } from '../../kernel/storable.js';
import type { ClientDraft } from './draft.js';
import { isPlainUrl, metadataFaults } from './metadata.js';
import { profileFaults } from './profile-rules.js';
import { profiles } from './profiles.js';
import { jwksFault } from './public-keys.js';
import { redirectUriFault } from './redirect-uri.js';

const DAY = 24 * 3600;
/** Limits of the refresh tokens of any client, in seconds; each can only be lowered. */
export const MAX_GRACE_SECONDS = 60;
export const MAX_IDLE_SECONDS = 14 * DAY;
export const MAX_ABSOLUTE_SECONDS = 30 * DAY;

const SUBJECT = /^tls_client_auth_(subject_dn|san_(dns|uri|ip|email))$/;
const keyMethods = new Set<string>(['private_key_jwt', 'self_signed_tls_client_auth']);

/** One sentence a fault; empty when the draft may be registered. */
export function draftFaults(draft: ClientDraft, production: boolean): string[] {
  const native = draft.applicationType === 'native';
  const faults: string[] = [];
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,99}$/.test(draft.id)) {
    faults.push('The id must be 3 to 100 letters, digits, dots, dashes or underscores');
  }
  if (!draft.name.trim() || draft.name.length > 100 || /\p{Cc}/u.test(draft.name)) {
    faults.push('The name must be 1 to 100 printable characters');
  }
  if (!isStorable(draft)) faults.push('Some text in it holds a character that cannot be stored');
  const usesCode = draft.grantTypes.includes('authorization_code');
  if (usesCode && !draft.redirectUris?.length) faults.push('A redirect URI is required');
  if (!usesCode && draft.redirectUris?.length) {
    faults.push('A redirect URI is of no use without the authorization_code grant');
  }
  if (draft.selfRegistration && !usesCode) {
    faults.push('Nobody can sign up without a log-in page (the authorization_code grant)');
  }
  if (draft.emailCode && !usesCode) {
    faults.push('There is no code by e-mail without a log-in page (the authorization_code grant)');
  }
  for (const uri of [...(draft.redirectUris ?? []), ...(draft.postLogoutRedirectUris ?? [])]) {
    const fault = redirectUriFault(uri, { native, production });
    if (fault) faults.push(`The redirect URI ${uri} ${fault}`);
  }
  for (const origin of draft.webOrigins ?? []) {
    if (!isOrigin(origin)) faults.push(`${origin} is not a web origin (scheme://host[:port])`);
  }
  for (const uri of [draft.clientUri, draft.policyUri, draft.tosUri]) {
    if (uri !== undefined && !isPlainUrl(uri, false))
      faults.push(`${uri} must be an https address`);
  }
  if (draft.grantTypes.includes('client_credentials') && draft.authMethod === 'none') {
    faults.push('The client_credentials grant needs a client that can authenticate');
  }
  const exchanges = draft.grantTypes.includes('urn:ietf:params:oauth:grant-type:token-exchange');
  if (exchanges && draft.authMethod === 'none') {
    faults.push('The token exchange grant needs a client that can authenticate');
  }
  const { metadata = {}, refresh = {} } = draft;
  if (draft.grantTypes.includes('urn:openid:params:grant-type:ciba')) {
    if (draft.authMethod === 'none') {
      faults.push('The CIBA grant needs a client that can authenticate');
    }
    const ping = metadata.backchannel_token_delivery_mode === 'ping';
    if (ping && !metadata.backchannel_client_notification_endpoint) {
      faults.push('The delivery mode ping needs a backchannel_client_notification_endpoint');
    }
  }
  faults.push(...metadataFaults(metadata));
  const broken = draft.jwks === undefined ? undefined : jwksFault(draft.jwks);
  if (broken) faults.push(broken);
  const keys = [draft.jwks, metadata.jwks_uri].filter((source) => source !== undefined);
  if (keys.length > 1) faults.push('Public keys come from jwks or from jwks_uri, not from both');
  if (keyMethods.has(draft.authMethod) && keys.length === 0) {
    faults.push(`${draft.authMethod} needs public keys (jwks or jwks_uri)`);
  }
  if (draft.authMethod === 'tls_client_auth') {
    const subjects = Object.keys(metadata).filter((name) => SUBJECT.test(name));
    // With none of them, any certificate of the authority would do (RFC 8705 section 2.1.2).
    if (subjects.length !== 1) {
      faults.push(
        'tls_client_auth needs exactly one tls_client_auth_* metadata: whose certificate',
      );
    }
  }
  if (draft.profile !== undefined && !profiles.includes(draft.profile)) {
    faults.push(`The profile must be one of ${profiles.join(', ')}`);
  }
  faults.push(...profileFaults(draft));
  faults.push(
    ...refreshFaults('grace', refresh.grace, 0, MAX_GRACE_SECONDS),
    ...refreshFaults('idle life', refresh.idle, 60, MAX_IDLE_SECONDS),
    ...refreshFaults('absolute life', refresh.absolute, 60, MAX_ABSOLUTE_SECONDS),
  );
  return faults;
}

function refreshFaults(
  what: string,
  seconds: number | undefined,
  least: number,
  most: number,
): string[] {
  if (seconds === undefined) return [];
  const fits = Number.isInteger(seconds) && seconds >= least && seconds <= most;
  return fits ? [] : [`The ${what} of refresh tokens must be ${least} to ${most} seconds`];
}

function isOrigin(value: string): boolean {
  try {
    return new URL(value).origin === value;
  } catch {
    return false;
  }
}
