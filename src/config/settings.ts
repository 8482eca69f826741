/**
 * Every environment variable, what it defaults to and what it means, as one table.
 * `docs/configuration.md` and `.env.example` show the same rows; a test holds all three equal.
 */

export type Setting = {
  readonly name: string;
  readonly fallback: string;
  readonly meaning: string;
};

export const settings: readonly Setting[] = [
  { name: 'PORT', fallback: '3000', meaning: 'Port of the public listener.' },
  {
    name: 'HOST',
    fallback: '127.0.0.1 in embedded mode, else 0.0.0.0',
    meaning: 'Address of the public listener.',
  },
  {
    name: 'NODE_ENV',
    fallback: 'none',
    meaning:
      'With `production` the server refuses to start on anything meant for development: an http issuer, generated keys, the embedded database, the demo seed, the development mailbox.',
  },
  {
    name: 'LATCHKEY_ISSUER',
    fallback: 'http://localhost:$PORT',
    meaning: 'The issuer. Every link and endpoint is built from it, never from `Host`.',
  },
  {
    name: 'DATABASE_URL',
    fallback: 'none: embedded PostgreSQL',
    meaning: 'PostgreSQL 14 or newer.',
  },
  {
    name: 'REDIS_URL',
    fallback: 'none',
    meaning:
      'Redis 6.2 or newer, or Valkey. Counts the failures of networks and clients for all nodes; without it the database does.',
  },
  {
    name: 'LATCHKEY_DATA_DIR',
    fallback: '.latchkey',
    meaning: 'Embedded database, generated keys, `demo.json`.',
  },
  {
    name: 'LATCHKEY_SEED',
    fallback: '`demo` in embedded mode, else `none`',
    meaning: '`demo` or `none`. The demo shop, once per database; refused in production.',
  },
  {
    name: 'LATCHKEY_KEYRING',
    fallback: 'generated in embedded mode, else required',
    meaning:
      '`id:base64key,…`, newest first, 32 bytes each. Seals signing keys, account keys and indexes.',
  },
  {
    name: 'LATCHKEY_COOKIE_KEYS',
    fallback: 'generated in embedded mode, else required',
    meaning: 'Two or more secrets of at least 32 bytes, comma-separated, newest first.',
  },
  {
    name: 'LATCHKEY_KEY_ROTATION_DAYS',
    fallback: '90',
    meaning:
      'Days, from 0 to 730, that a signing key is in use before its successor is published. 0 leaves rotation to `latchkey keys rotate`.',
  },
  {
    name: 'LATCHKEY_TRUSTED_PROXIES',
    fallback: 'none',
    meaning: 'CIDRs, comma-separated, whose forwarding headers are believed.',
  },
  {
    name: 'LATCHKEY_TLS_CERT',
    fallback: 'none',
    meaning: 'File with the certificate chain (PEM): serve HTTPS directly, TLS 1.2 or newer.',
  },
  {
    name: 'LATCHKEY_TLS_KEY',
    fallback: 'none',
    meaning: 'File with the private key (PEM) of that certificate.',
  },
  {
    name: 'LATCHKEY_REGISTRATION',
    fallback: 'off',
    meaning:
      '`off` or `token`. With `token`, clients register themselves at `/oauth2/register` (RFC 7591) with an initial access token from `latchkey registration-tokens create`. Off, there is no such address.',
  },
  {
    name: 'LATCHKEY_AUTHORIZATION_POST',
    fallback: 'off',
    meaning:
      '`on`: the authorization endpoint takes its request as a form as well (OpenID Connect Core 3.1.2.1) and answers with a redirect to itself. For certification; no client needs it.',
  },
  {
    name: 'LATCHKEY_MTLS',
    fallback: 'off',
    meaning:
      '`off`, `direct` or `proxy`. Client certificates (RFC 8705): not accepted, asked for on our own TLS connections, or taken from a header of `LATCHKEY_TRUSTED_PROXIES`.',
  },
  {
    name: 'LATCHKEY_MTLS_CA',
    fallback: 'none',
    meaning:
      'File with the authorities (PEM) that issue client certificates, each intermediate one that signs them. With it `tls_client_auth` is offered; without it only registered certificates (`self_signed_tls_client_auth`) and bound tokens.',
  },
  {
    name: 'LATCHKEY_MTLS_HEADER',
    fallback: 'client-cert',
    meaning:
      'Header in which the proxy passes the certificate: a byte sequence (RFC 9440) or URL-encoded PEM (nginx’s `$ssl_client_escaped_cert`). The proxy must replace what a client sends in it.',
  },
  {
    name: 'LATCHKEY_MTLS_VERIFIED_HEADER',
    fallback: 'none',
    meaning:
      'Header with the proxy’s own verdict (nginx’s `$ssl_client_verify`). Where it is set, `tls_client_auth` needs it to say `SUCCESS` besides our own check.',
  },
  {
    name: 'LATCHKEY_MTLS_ORIGIN',
    fallback: 'none: the issuer’s',
    meaning:
      'Second https origin at which the proxy asks for certificates, so that browsers at the issuer are never asked: it serves the token, userinfo, introspection, revocation, PAR, device authorization and backchannel authentication endpoints and stands in discovery as `mtls_endpoint_aliases`.',
  },
  {
    name: 'LATCHKEY_OUTBOUND_ALLOW',
    fallback: 'none',
    meaning:
      'Hosts, addresses or CIDRs, comma-separated, that the server may call besides public https, over http as well: where clients’ `jwks_uri` and other registered addresses lie in a private network. Anything else is called over https at a public address only, and the address is judged before it is connected to. With the demo seed it is `localhost` unless set: the demo’s storefront hears of log-outs there.',
  },
  {
    name: 'LATCHKEY_WORKERS',
    fallback: '1',
    meaning: 'Server processes on this machine, from 1 to 64.',
  },
  {
    name: 'LATCHKEY_OPS_PORT',
    fallback: '9464',
    meaning: 'Port of `/metrics`, on loopback only. 0 switches it off.',
  },
  {
    name: 'LATCHKEY_RATE_LIMITS',
    fallback: 'on',
    meaning:
      '`on` or `off`. Limits on the failures of whole networks and of clients, for load tests to switch off; the guess counter of an account stays. `off` is refused in production.',
  },
  {
    name: 'LATCHKEY_BOT_CHALLENGE',
    fallback: 'adaptive',
    meaning:
      '`adaptive`, `off` or `always`. When the log-in page asks for a proof of work: after three failures of an account or ten of a network, never, or each time.',
  },
  {
    name: 'LATCHKEY_PASSWORD_MIN_LENGTH',
    fallback: '12',
    meaning:
      'Least length of a new password, from 8 to 64 characters. Staff log in with a second factor whatever it is.',
  },
  {
    name: 'LATCHKEY_FACTOR_RESET_HOURS',
    fallback: '24',
    meaning:
      'Hours, from 0 to 720, between staff asking for the reset of a lost second factor and its removal. Its owner is written to at once and can stop it.',
  },
  {
    name: 'LATCHKEY_BREACHED_PASSWORDS',
    fallback: 'off',
    meaning:
      '`off`, `on`, or the address of your own copy of the range service. With `on`, the first five characters of a new password’s SHA-1 are looked up at api.pwnedpasswords.com (k-anonymity); without an answer within a second the password is let through, and the log says so.',
  },
  {
    name: 'LATCHKEY_PROFILE_FIELDS',
    fallback: '`name,given_name,family_name,phone,locale`',
    meaning:
      'Comma list of what shoppers may change of their own profile, or `none`. What is not in it is shown to them and stays as it is.',
  },
  {
    name: 'SMTP_URL',
    fallback: 'none: the development mailbox; required in production',
    meaning:
      'Mail server for outgoing mail: `smtp://user:password@host:587`, encrypted with STARTTLS unless the host is this machine, or `smtps://…:465`. Without it letters stay in the development mailbox, at `/dev/mailbox` in embedded mode or with the demo seed.',
  },
  {
    name: 'LATCHKEY_MAIL_FROM',
    fallback: '`no-reply@` the host of the issuer; required in production',
    meaning: 'Sender of outgoing mail: `address` or `Name <address>`.',
  },
  {
    name: 'LOG_LEVEL',
    fallback: 'info',
    meaning: '`trace`, `debug`, `info`, `warn`, `error` or `silent`.',
  },
  {
    name: 'LOG_FORMAT',
    fallback: '`pretty` on a terminal, else `json`',
    meaning: '`json` or `pretty`.',
  },
];
