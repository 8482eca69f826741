/** Environment → configuration: defaults, faults, and what production refuses. */
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { ConfigError, type Environment, loadConfig, settings } from '../../src/config/index.js';

const key = () => randomBytes(32).toString('base64');
const keyring = () => `k1:${key()}`;
const cookieKeys = () => `${key()},${key()}`;
const database = 'postgresql://latchkey:pw@db.example:5432/latchkey';

/** What is wrong with an environment; empty when nothing is. */
function faultsOf(env: Environment): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

const production = (): Record<string, string> => ({
  NODE_ENV: 'production',
  LATCHKEY_ISSUER: 'https://id.alder-oak.example',
  DATABASE_URL: database,
  LATCHKEY_KEYRING: keyring(),
  LATCHKEY_COOKIE_KEYS: cookieKeys(),
  SMTP_URL: 'smtps://post.alder-oak.example:465',
  LATCHKEY_MAIL_FROM: 'no-reply@alder-oak.example',
});

describe('an empty environment', () => {
  it('gives the embedded development server', () => {
    expect(loadConfig({})).toMatchObject({
      production: false,
      issuer: 'http://localhost:3000',
      listen: { host: '127.0.0.1', port: 3000, tls: undefined },
      databaseUrl: undefined,
      redisUrl: undefined,
      dataDir: '.latchkey',
      seed: 'demo',
      keyring: undefined,
      cookieKeys: undefined,
      workers: 1,
      opsPort: 9464,
      trustedProxies: [],
      log: { level: 'info', format: 'json' },
    });
  });

  it('is not changed by blank values', () => {
    const blank = Object.fromEntries(settings.map(({ name }) => [name, '  ']));
    expect(loadConfig(blank)).toEqual(loadConfig({}));
  });

  it('logs for people on a terminal', () => {
    expect(loadConfig({}, { terminal: true }).log.format).toBe('pretty');
    expect(loadConfig({ LOG_FORMAT: 'json' }, { terminal: true }).log.format).toBe('json');
  });
});

describe('settings', () => {
  it('are read', () => {
    const config = loadConfig({
      PORT: '8443',
      DATABASE_URL: database,
      REDIS_URL: 'rediss://cache.example:6380',
      LATCHKEY_KEYRING: `new:${key()}, old:${key()}`,
      LATCHKEY_COOKIE_KEYS: cookieKeys(),
      LATCHKEY_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
      LATCHKEY_OUTBOUND_ALLOW: 'hooks.internal,10.1.0.0/16',
      LATCHKEY_WORKERS: '4',
      LATCHKEY_OPS_PORT: '0',
      LOG_LEVEL: 'debug',
    });
    expect(config).toMatchObject({
      issuer: 'http://localhost:8443',
      listen: { host: '0.0.0.0', port: 8443 },
      seed: 'none',
      trustedProxies: ['10.0.0.0/8', '::1'],
      outboundAllow: ['hooks.internal', '10.1.0.0/16'],
      workers: 4,
      opsPort: 0,
    });
    expect(config.keyring?.reveal().map(({ id }) => id)).toEqual(['new', 'old']);
    expect(config.databaseUrl?.reveal()).toBe(database);
  });

  it('keep their secrets out of anything printed', () => {
    const env = production();
    const config = loadConfig(env);
    const shown = JSON.stringify(config) + inspect(config, { depth: 9 });
    for (const name of ['DATABASE_URL', 'LATCHKEY_KEYRING', 'LATCHKEY_COOKIE_KEYS']) {
      expect(shown).not.toContain(env[name]);
    }
  });

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true);
  });

  it('take the issuer without its trailing slash', () => {
    expect(loadConfig({ LATCHKEY_ISSUER: 'https://ID.example/' }).issuer).toBe(
      'https://id.example',
    );
  });
});

const bad: readonly (readonly [name: string, value: string, fault: RegExp])[] = [
  ['PORT', '0', /from 1 to 65535/],
  ['PORT', '65536', /from 1 to 65535/],
  ['PORT', '3e3', /whole number/],
  ['PORT', '-1', /whole number/],
  ['PORT', 'three', /not "three"/],
  ['LATCHKEY_ISSUER', 'localhost:3000', /must be http\(s\)|absolute URL/],
  ['LATCHKEY_ISSUER', 'id.example', /absolute URL/],
  ['LATCHKEY_ISSUER', 'ftp://id.example', /http\(s\)/],
  ['LATCHKEY_ISSUER', 'https://id.example/tenant', /no path/],
  ['LATCHKEY_ISSUER', 'https://id.example/?a=1', /no query/],
  ['LATCHKEY_ISSUER', 'https://id.example/#a', /no query, fragment/],
  ['LATCHKEY_ISSUER', 'https://me@id.example', /user information/],
  ['DATABASE_URL', 'mysql://db.example/shop', /postgres:\/\/ or postgresql:\/\//],
  ['DATABASE_URL', 'db.example', /must be a URL/],
  ['REDIS_URL', 'http://cache.example', /redis:\/\/ or rediss:\/\//],
  ['LATCHKEY_SEED', 'shop', /one of demo, none/],
  ['LATCHKEY_KEYRING', 'nothing', /id:base64key/],
  ['LATCHKEY_KEYRING', `k1:${randomBytes(31).toString('base64')}`, /"k1" must be 32 bytes/],
  ['LATCHKEY_KEYRING', `k 1:${key()}`, /id:base64key/],
  ['LATCHKEY_KEYRING', `k1:${key()},k1:${key()}`, /repeat/],
  ['LATCHKEY_KEYRING', `k1:${key()},`, /id:base64key/],
  ['LATCHKEY_COOKIE_KEYS', key(), /two or more/],
  ['LATCHKEY_COOKIE_KEYS', `${key()},too-short`, /at least 32 bytes/],
  ['LATCHKEY_COOKIE_KEYS', ((same) => `${same},${same}`)(key()), /repeat/],
  ['LATCHKEY_TRUSTED_PROXIES', '10.0.0.0/33', /CIDRs/],
  ['LATCHKEY_TRUSTED_PROXIES', '10.0.0.0/-1', /CIDRs/],
  ['LATCHKEY_TRUSTED_PROXIES', '10.0.0.0/1.5', /CIDRs/],
  ['LATCHKEY_TRUSTED_PROXIES', '10.0.0.0/', /CIDRs/],
  ['LATCHKEY_TRUSTED_PROXIES', '::1/129', /CIDRs/],
  ['LATCHKEY_TRUSTED_PROXIES', 'proxy.example', /CIDRs/],
  ['LATCHKEY_OUTBOUND_ALLOW', 'https://hooks.internal', /hosts, addresses or CIDRs/],
  ['LATCHKEY_OUTBOUND_ALLOW', 'hooks.internal:8443', /hosts, addresses or CIDRs/],
  ['LATCHKEY_OUTBOUND_ALLOW', '*.internal', /hosts, addresses or CIDRs/],
  ['LATCHKEY_OUTBOUND_ALLOW', '10.0.0.256', /hosts, addresses or CIDRs/],
  ['LATCHKEY_OUTBOUND_ALLOW', 'fd00::/129', /hosts, addresses or CIDRs/],
  ['LATCHKEY_MTLS', 'on', /one of off, direct, proxy/],
  ['LATCHKEY_MTLS', 'direct', /only where LATCHKEY_TLS_CERT/],
  ['LATCHKEY_MTLS', 'proxy', /only where LATCHKEY_TRUSTED_PROXIES/],
  ['LATCHKEY_MTLS_HEADER', 'x-client-cert', /only with LATCHKEY_MTLS=proxy/],
  ['LATCHKEY_MTLS_HEADER', 'Authorization', /says something else/],
  ['LATCHKEY_MTLS_VERIFIED_HEADER', 'Client-Cert', /header of the certificate/],
  ['LATCHKEY_MTLS_ORIGIN', 'http://mtls.shop.example', /https origin/],
  ['LATCHKEY_MTLS_CA', '/etc/ca.pem', /of no use where LATCHKEY_MTLS is off/],
  ['LATCHKEY_TLS_CERT', '/etc/cert.pem', /belong together/],
  ['LATCHKEY_TLS_KEY', '/etc/key.pem', /belong together/],
  ['LATCHKEY_KEY_ROTATION_DAYS', '731', /from 0 to 730/],
  ['LATCHKEY_KEY_ROTATION_DAYS', '-1', /from 0 to 730|whole number/],
  ['LATCHKEY_WORKERS', '0', /from 1 to 64/],
  ['LATCHKEY_WORKERS', '65', /from 1 to 64/],
  ['LATCHKEY_OPS_PORT', '70000', /from 0 to 65535/],
  ['LATCHKEY_RATE_LIMITS', 'no', /one of on, off/],
  ['LATCHKEY_BOT_CHALLENGE', 'maybe', /one of adaptive, off, always/],
  ['LATCHKEY_PASSWORD_MIN_LENGTH', '7', /from 8 to 64/],
  ['LATCHKEY_PASSWORD_MIN_LENGTH', '65', /from 8 to 64/],
  ['LATCHKEY_BREACHED_PASSWORDS', 'maybe', /"off", "on" or the address/],
  ['LATCHKEY_BREACHED_PASSWORDS', 'http://leaks.example/range/', /must be https/],
  ['LATCHKEY_BREACHED_PASSWORDS', 'https://leaks.example/?range=', /no query/],
  ['LOG_LEVEL', 'loud', /one of trace/],
  ['LOG_FORMAT', 'xml', /one of json, pretty/],
];

describe('a bad value is refused by name', () => {
  test.each(bad)('%s=%s', (name, value, fault) => {
    const faults = faultsOf({ [name]: value });
    expect(faults.join('\n')).toMatch(fault);
    expect(faults.some((line) => line.startsWith(name) || line.includes(name))).toBe(true);
    for (const line of faults) expect(line).not.toContain('\n');
  });

  it('and never repeats a secret', () => {
    const secret = randomBytes(31).toString('base64');
    const faults = faultsOf({ LATCHKEY_KEYRING: `k1:${secret}`, LATCHKEY_COOKIE_KEYS: secret });
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain(secret);
  });

  it('together with all the others', () => {
    const faults = faultsOf({
      PORT: 'x',
      LATCHKEY_ISSUER: 'x',
      LATCHKEY_WORKERS: 'x',
      LATCHKEY_COOKIE_KEY: 'x',
      LOG_LEVEL: 'x',
    });
    expect(faults).toHaveLength(5);
  });

  it('when its name is not a setting', () => {
    expect(faultsOf({ LATCHKEY_ISSUR: 'https://id.example' })).toEqual([
      'LATCHKEY_ISSUR is not a setting; docs/configuration.md lists them all',
    ]);
    expect(faultsOf({ SOMETHING_ELSE: '1', PATH: '/bin' })).toEqual([]);
  });

  it('when a field of the profile is none', () => {
    expect(faultsOf({ LATCHKEY_PROFILE_FIELDS: 'name,shoe_size' })).toEqual([
      'LATCHKEY_PROFILE_FIELDS must be "none" or a list of name, given_name, family_name, phone, locale, not "shoe_size"',
    ]);
    expect(loadConfig({ LATCHKEY_PROFILE_FIELDS: 'phone, name' }).profileFields).toEqual([
      'name',
      'phone',
    ]);
  });

  it('when TLS is served under an http issuer', () => {
    const env = { LATCHKEY_TLS_CERT: 'c.pem', LATCHKEY_TLS_KEY: 'k.pem' };
    expect(faultsOf(env)).toEqual(['LATCHKEY_ISSUER must be https where LATCHKEY_TLS_CERT is set']);
    expect(faultsOf({ ...env, LATCHKEY_ISSUER: 'https://localhost:3000' })).toEqual([]);
  });
});

describe('a database of its own', () => {
  it('needs keys of its own as well', () => {
    const faults = faultsOf({ DATABASE_URL: database });
    expect(faults).toHaveLength(2);
    expect(faults.join()).toMatch(/LATCHKEY_KEYRING is required.*LATCHKEY_COOKIE_KEYS is required/);
  });

  it('may be filled with the demo shop, on request only', () => {
    const env = {
      DATABASE_URL: database,
      LATCHKEY_KEYRING: keyring(),
      LATCHKEY_COOKIE_KEYS: cookieKeys(),
    };
    expect(loadConfig(env).seed).toBe('none');
    expect(loadConfig({ ...env, LATCHKEY_SEED: 'demo' }).seed).toBe('demo');
  });
});

describe('production', () => {
  it('starts on a full configuration', () => {
    expect(loadConfig(production())).toMatchObject({ production: true, seed: 'none' });
    // Only the demo's shop may be called on this machine, and only where nobody set something else.
    expect(loadConfig(production()).outboundAllow).toEqual([]);
    expect(loadConfig({}).outboundAllow).toEqual(['localhost']);
    expect(loadConfig({ LATCHKEY_SEED: 'none' }).outboundAllow).toEqual([]);
    expect(loadConfig({ LATCHKEY_OUTBOUND_ALLOW: '10.1.0.1' }).outboundAllow).toEqual(['10.1.0.1']);
  });

  const refused: readonly (readonly [why: string, change: Environment, fault: RegExp])[] = [
    ['an http issuer', { LATCHKEY_ISSUER: 'http://id.example' }, /LATCHKEY_ISSUER must be https/],
    ['no issuer', { LATCHKEY_ISSUER: undefined }, /LATCHKEY_ISSUER must be https/],
    ['no keyring', { LATCHKEY_KEYRING: undefined }, /LATCHKEY_KEYRING is required/],
    ['no cookie keys', { LATCHKEY_COOKIE_KEYS: undefined }, /LATCHKEY_COOKIE_KEYS is required/],
    ['short cookie keys', { LATCHKEY_COOKIE_KEYS: 'short,shorter' }, /at least 32 bytes/],
    ['the embedded database', { DATABASE_URL: undefined }, /DATABASE_URL is required/],
    ['the demo seed', { LATCHKEY_SEED: 'demo' }, /LATCHKEY_SEED must not be "demo"/],
    ['no mail server', { SMTP_URL: undefined }, /SMTP_URL is required/],
    ['no sender of mail', { LATCHKEY_MAIL_FROM: undefined }, /LATCHKEY_MAIL_FROM is required/],
    ['limits switched off', { LATCHKEY_RATE_LIMITS: 'off' }, /LATCHKEY_RATE_LIMITS must not be/],
  ];
  test.each(refused)('refuses %s', (_why, change, fault) => {
    const faults = faultsOf({ ...production(), ...change });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  });

  it('says everything that is missing at once', () => {
    expect(faultsOf({ NODE_ENV: 'production' })).toHaveLength(6);
  });
});
