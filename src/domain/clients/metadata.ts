/**
 * Registered client metadata that has no column of its own (RFC 7591 section 2, OpenID Connect
 * Registration 2, and the RFCs that add to them), under its registered names. Whoever registers
 * it, an operator or a client itself, it passes here: what this table does not know is refused
 * by name instead of being ignored.
 */
import { ACR_VALUES, isAcr } from '../../kernel/acr.js';
import { PAYMENT_TYPE } from '../../kernel/payment.js';
import {
  type ClientSigningAlg,
  clientSigningAlgs,
  type SigningAlg,
  signingAlgs,
} from '../../kernel/signing-algs.js';

export type ClientMetadata = {
  readonly jwks_uri?: string;
  readonly token_endpoint_auth_signing_alg?: ClientSigningAlg;
  readonly tls_client_auth_subject_dn?: string;
  readonly tls_client_auth_san_dns?: string;
  readonly tls_client_auth_san_uri?: string;
  readonly tls_client_auth_san_ip?: string;
  readonly tls_client_auth_san_email?: string;
  readonly tls_client_certificate_bound_access_tokens?: boolean;
  readonly request_object_signing_alg?: ClientSigningAlg;
  readonly require_signed_request_object?: boolean;
  readonly authorization_signed_response_alg?: SigningAlg;
  readonly introspection_signed_response_alg?: SigningAlg;
  readonly userinfo_signed_response_alg?: SigningAlg;
  readonly subject_type?: 'public' | 'pairwise';
  readonly sector_identifier_uri?: string;
  readonly backchannel_logout_uri?: string;
  readonly backchannel_logout_session_required?: boolean;
  readonly backchannel_token_delivery_mode?: 'poll' | 'ping';
  readonly backchannel_client_notification_endpoint?: string;
  readonly backchannel_authentication_request_signing_alg?: ClientSigningAlg;
  readonly authorization_details_types?: readonly string[];
  readonly default_max_age?: number;
  readonly require_auth_time?: boolean;
  readonly default_acr_values?: readonly string[];
  readonly initiate_login_uri?: string;
  readonly contacts?: readonly string[];
  readonly software_id?: string;
  readonly software_version?: string;
};

/** What a value must be; undefined when it is. */
type Check = (value: unknown) => string | undefined;

const must = (fits: (value: unknown) => boolean, what: string): Check => {
  return (value) => (fits(value) ? undefined : `must be ${what}`);
};
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 500;
const isTexts = (value: unknown) =>
  Array.isArray(value) && value.length <= 20 && value.every(isText);
const isSeconds = (value: unknown) =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 31_536_000;

// Linear, and no laxer than the host's own: it refuses a whole client for one bad contact.
const ADDRESS = /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/;

const text = must(isText, 'a text of up to 500 characters');
const flag = must((value) => typeof value === 'boolean', 'true or false');
const oneOf = (known: readonly string[]) =>
  must((value) => known.includes(value as string), `one of ${known.join(', ')}`);
const alg = oneOf(signingAlgs);
const clientAlg = oneOf(clientSigningAlgs);
const https = must((value) => isPlainUrl(value, false), 'an https address');
/** Addresses this server calls: http only on loopback, for development. */
const callable = must((value) => isPlainUrl(value, true), 'an https address');

const checks: Readonly<Record<keyof ClientMetadata, Check>> = {
  jwks_uri: callable,
  token_endpoint_auth_signing_alg: clientAlg,
  tls_client_auth_subject_dn: text,
  tls_client_auth_san_dns: text,
  tls_client_auth_san_uri: text,
  tls_client_auth_san_ip: text,
  tls_client_auth_san_email: text,
  tls_client_certificate_bound_access_tokens: flag,
  request_object_signing_alg: clientAlg,
  require_signed_request_object: flag,
  authorization_signed_response_alg: alg,
  introspection_signed_response_alg: alg,
  userinfo_signed_response_alg: alg,
  subject_type: oneOf(['public', 'pairwise']),
  // The host takes no other.
  sector_identifier_uri: https,
  backchannel_logout_uri: callable,
  backchannel_logout_session_required: flag,
  backchannel_token_delivery_mode: oneOf(['poll', 'ping']),
  // Bearer values are sent there (CIBA 4), so not even on loopback over http.
  backchannel_client_notification_endpoint: https,
  backchannel_authentication_request_signing_alg: clientAlg,
  authorization_details_types: must(
    (value) => isTexts(value) && (value as string[]).every((type) => type === PAYMENT_TYPE),
    `a list of ${PAYMENT_TYPE}`,
  ),
  default_max_age: must(isSeconds, 'a number of seconds up to a year'),
  require_auth_time: flag,
  default_acr_values: must(
    (value) => isTexts(value) && (value as string[]).every((acr) => isAcr(acr)),
    `a list of ${ACR_VALUES.join(', ')}`,
  ),
  initiate_login_uri: https,
  contacts: must(
    (value) => isTexts(value) && (value as string[]).every((one) => ADDRESS.test(one)),
    'a list of e-mail addresses',
  ),
  software_id: text,
  software_version: text,
};

export const metadataNames: readonly string[] = Object.keys(checks);

/** What is wrong with it, one sentence a fault; empty when nothing is. */
export function metadataFaults(given: object): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    if (!Object.hasOwn(checks, name)) return [`${name} is not known`];
    const fault = checks[name as keyof ClientMetadata](value);
    return fault ? [`${name} ${fault}`] : [];
  });
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** An address without user information, fragment, blank or wildcard. */
export function isPlainUrl(value: unknown, loopback: boolean): boolean {
  if (typeof value !== 'string' || value.length > 2000 || !URL.canParse(value)) return false;
  if (/[\s\\*#]/.test(value)) return false;
  const url = new URL(value);
  if (url.username || url.password) return false;
  return (
    url.protocol === 'https:' ||
    (loopback && url.protocol === 'http:' && LOOPBACK.has(url.hostname))
  );
}
