/**
 * Environment → frozen configuration. Pure: the same environment gives the same result, all
 * faults are reported together, and nobody else reads `process.env`.
 */
import { isIP } from 'node:net';
import type { KeyringEntry } from '../kernel/keyring.js';
import { Secret } from '../kernel/secret.js';

import { type MailSender, parseSender, parseSmtpUrl, senderFor } from './mail.js';
import { type MutualTls, readMutualTls } from './mutual-tls.js';
import { parseOutboundAllow } from './outbound.js';
import { type PasswordRules, readPasswordRules } from './passwords.js';
import { type EditableField, readProfileFields } from './profile.js';
import { createReader, type Environment, type Reader } from './reader.js';
import { settings } from './settings.js';

export { processEnvironment } from './environment.js';
export type { MailSender } from './mail.js';
export type { MutualTls } from './mutual-tls.js';
export type { Environment } from './reader.js';
export { settings } from './settings.js';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type Config = {
  readonly production: boolean;
  /** Absolute issuer without a trailing slash. */
  readonly issuer: string;
  readonly listen: {
    readonly host: string;
    readonly port: number;
    readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  };
  readonly trustedProxies: readonly string[];
  readonly mutualTls: MutualTls;
  /** `undefined` asks for the embedded PostgreSQL. */
  readonly databaseUrl: Secret | undefined;
  readonly redisUrl: Secret | undefined;
  readonly dataDir: string;
  readonly seed: 'demo' | 'none';
  /** `undefined` asks for keys generated in the data directory. */
  readonly keyring: Secret<readonly KeyringEntry[]> | undefined;
  readonly cookieKeys: Secret<readonly string[]> | undefined;
  readonly passwords: PasswordRules;
  /** How long a lost second factor stays after staff were told of it; 0 takes it away at once. */
  readonly factorResetHours: number;
  /** Age at which signing keys get successors; 0 leaves that to the command. */
  readonly keyRotationDays: number;
  /** What shoppers may change of their own profile. */
  readonly profileFields: readonly EditableField[];
  /** `undefined` asks for the development mailbox. */
  readonly smtpUrl: Secret | undefined;
  readonly mailFrom: MailSender;
  /** Whether the development mailbox may be read at `/dev/mailbox`. */
  readonly showMailbox: boolean;
  /** Whether clients may register themselves, with a token of the operator's. */
  readonly registration: 'off' | 'token';
  /** Whether the authorization endpoint takes forms as well. */
  readonly postedAuthorization: boolean;
  readonly outboundAllow: readonly string[];
  /** Off lifts the limits of whole networks, never the lockout of an account. */
  readonly rateLimits: boolean;
  readonly botChallenge: 'adaptive' | 'off' | 'always';
  readonly workers: number;
  readonly opsPort: number;
  readonly log: { readonly level: LogLevel; readonly format: 'json' | 'pretty' };
};

/** Thrown by `loadConfig` with every fault found, one per line. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

function parseIssuer(value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('must be an absolute URL');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Error('must be http(s)');
  if (url.search || url.hash || url.username || url.password) {
    throw new Error('must have no query, fragment or user information (RFC 8414 section 2)');
  }
  if (url.pathname !== '/') throw new Error('must have no path: the server owns its whole host');
  return url.origin;
}

function parseKeyring(value: string): readonly KeyringEntry[] {
  const entries = value.split(',').map((part): KeyringEntry => {
    const [id, encoded, ...rest] = part.trim().split(':');
    if (!id || !encoded || rest.length > 0 || !/^[A-Za-z0-9._-]{1,64}$/.test(id)) {
      throw new Error('must be a list of id:base64key');
    }
    const key = new Uint8Array(Buffer.from(encoded, 'base64'));
    if (key.length !== 32) throw new Error(`key "${id}" must be 32 bytes in base64`);
    return { id, key };
  });
  if (new Set(entries.map((entry) => entry.id)).size !== entries.length) {
    throw new Error('must not repeat a key id');
  }
  return entries;
}

function parseCookieKeys(value: string): readonly string[] {
  const keys = value
    .split(',')
    .map((key) => key.trim())
    .filter(Boolean);
  if (keys.length < 2) throw new Error('must hold two or more keys, newest first');
  if (keys.some((key) => Buffer.byteLength(key) < 32)) {
    throw new Error('must hold keys of at least 32 bytes each');
  }
  if (new Set(keys).size !== keys.length) throw new Error('must not repeat a key');
  return keys;
}

function parseCidrs(value: string): readonly string[] {
  return list(value).map((entry) => {
    const [address = '', bits, ...rest] = entry.split('/');
    const family = isIP(address);
    const max = family === 4 ? 32 : 128;
    if (
      !family ||
      rest.length > 0 ||
      (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= max))
    ) {
      throw new Error(`must be a list of addresses or CIDRs, not "${entry}"`);
    }
    return entry;
  });
}

function parseUrl(protocols: readonly string[]): (value: string) => Secret {
  return (value) => {
    let url: URL;
    try {
      url = new URL(value);
    } catch {
      throw new Error('must be a URL');
    }
    if (!protocols.includes(url.protocol)) {
      throw new Error(`must start with ${protocols.map((name) => `${name}//`).join(' or ')}`);
    }
    return new Secret(value);
  };
}

function list(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
}

function refuseUnknown(env: Environment, faults: string[]): void {
  const known = new Set(settings.map((setting) => setting.name));
  for (const name of Object.keys(env)) {
    if (name.startsWith('LATCHKEY_') && !known.has(name)) {
      faults.push(`${name} is not a setting; docs/configuration.md lists them all`);
    }
  }
}

function refuseDevelopmentThings(read: Reader, config: Config): void {
  if (!config.issuer.startsWith('https:') && !config.listen.tls) {
    read.fault('LATCHKEY_ISSUER', 'must be https in production');
  }
  if (!config.databaseUrl) {
    read.fault('DATABASE_URL', 'is required in production: the embedded database is not for it');
  }
  if (config.seed !== 'none') read.fault('LATCHKEY_SEED', 'must not be "demo" in production');
  for (const name of ['SMTP_URL', 'LATCHKEY_MAIL_FROM']) {
    if (read.text(name) === undefined) {
      read.fault(name, 'is required in production: the development mailbox is not for it');
    }
  }
}

/**
 * Reads and checks the whole configuration (OWASP ASVS 13.2.3, requirement: no development
 * default reaches production). Throws `ConfigError` with all faults at once.
 *
 * @param terminal whether the log goes to a terminal, which chooses its default format
 */
export function loadConfig(env: Environment, { terminal = false } = {}): Config {
  const faults: string[] = [];
  const read = createReader(env, faults);
  refuseUnknown(env, faults);

  const production = read.text('NODE_ENV') === 'production';
  const embedded = read.text('DATABASE_URL') === undefined;
  const port = read.integer('PORT', { min: 1, max: 65535 }, 3000);
  const certFile = read.text('LATCHKEY_TLS_CERT');
  const keyFile = read.text('LATCHKEY_TLS_KEY');
  if ((certFile === undefined) !== (keyFile === undefined)) {
    read.fault('LATCHKEY_TLS_CERT', 'and LATCHKEY_TLS_KEY belong together');
  }
  const rateLimits = read.oneOf('LATCHKEY_RATE_LIMITS', ['on', 'off'], 'on');
  if (production && rateLimits === 'off') {
    read.fault('LATCHKEY_RATE_LIMITS', 'must not be "off" in production');
  }
  const botChallenge = read.oneOf(
    'LATCHKEY_BOT_CHALLENGE',
    ['adaptive', 'off', 'always'],
    'adaptive',
  );

  const keyring = read.parsed<Config['keyring']>(
    'LATCHKEY_KEYRING',
    (value) => new Secret(parseKeyring(value)),
    undefined,
  );
  const cookieKeys = read.parsed<Config['cookieKeys']>(
    'LATCHKEY_COOKIE_KEYS',
    (value) => new Secret(parseCookieKeys(value)),
    undefined,
  );
  for (const name of ['LATCHKEY_KEYRING', 'LATCHKEY_COOKIE_KEYS']) {
    if ((production || !embedded) && read.text(name) === undefined) {
      read.fault(name, 'is required unless the embedded database is used');
    }
  }

  const issuer = read.parsed('LATCHKEY_ISSUER', parseIssuer, `http://localhost:${port}`);
  const smtpUrl = read.parsed<Config['smtpUrl']>('SMTP_URL', parseSmtpUrl, undefined);
  const seed = read.oneOf(
    'LATCHKEY_SEED',
    ['demo', 'none'],
    embedded && !production ? 'demo' : 'none',
  );
  if (certFile && keyFile && !issuer.startsWith('https:')) {
    read.fault('LATCHKEY_ISSUER', 'must be https where LATCHKEY_TLS_CERT is set');
  }

  const trustedProxies = read.parsed('LATCHKEY_TRUSTED_PROXIES', parseCidrs, []);
  const mutualTls = readMutualTls(read, {
    tls: certFile !== undefined,
    proxies: trustedProxies.length > 0,
    issuer,
  });

  const config: Config = {
    production,
    issuer,
    listen: {
      host: read.text('HOST') ?? (embedded ? '127.0.0.1' : '0.0.0.0'),
      port,
      tls: certFile && keyFile ? { certFile, keyFile } : undefined,
    },
    trustedProxies,
    mutualTls,
    databaseUrl: read.parsed<Config['databaseUrl']>(
      'DATABASE_URL',
      parseUrl(['postgres:', 'postgresql:']),
      undefined,
    ),
    redisUrl: read.parsed<Config['redisUrl']>(
      'REDIS_URL',
      parseUrl(['redis:', 'rediss:']),
      undefined,
    ),
    dataDir: read.text('LATCHKEY_DATA_DIR') ?? '.latchkey',
    seed,
    keyring,
    cookieKeys,
    passwords: readPasswordRules(read),
    factorResetHours: read.integer('LATCHKEY_FACTOR_RESET_HOURS', { min: 0, max: 720 }, 24),
    keyRotationDays: read.integer('LATCHKEY_KEY_ROTATION_DAYS', { min: 0, max: 730 }, 90),
    profileFields: readProfileFields(read),
    smtpUrl,
    mailFrom: read.parsed('LATCHKEY_MAIL_FROM', parseSender, senderFor(issuer)),
    showMailbox: !production && !smtpUrl && (embedded || seed === 'demo'),
    registration: read.oneOf('LATCHKEY_REGISTRATION', ['off', 'token'], 'off'),
    postedAuthorization: read.oneOf('LATCHKEY_AUTHORIZATION_POST', ['off', 'on'], 'off') === 'on',
    outboundAllow: read.parsed(
      'LATCHKEY_OUTBOUND_ALLOW',
      parseOutboundAllow,
      // The demo's storefront hears of log-outs on this machine.
      seed === 'demo' && !production ? ['localhost'] : [],
    ),
    rateLimits: rateLimits === 'on',
    botChallenge,
    workers: read.integer('LATCHKEY_WORKERS', { min: 1, max: 64 }, 1),
    opsPort: read.integer('LATCHKEY_OPS_PORT', { min: 0, max: 65535 }, 9464),
    log: {
      level: read.oneOf('LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'silent'], 'info'),
      format: read.oneOf('LOG_FORMAT', ['json', 'pretty'], terminal ? 'pretty' : 'json'),
    },
  };
  if (production) refuseDevelopmentThings(read, config);
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
}
