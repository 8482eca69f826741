/** Which certificates are vouched for, and whose they are. */
import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { alternativeNames, parseName, subjectMatches } from '../../src/oidc/certificate-subject.js';
import { isIssued, refuseWithoutCertificates } from '../../src/oidc/mutual-tls.js';
import {
  type Authority,
  createAuthority,
  SERVER_AUTH,
  selfSigned,
} from '../support/certificates.js';

let authority: Authority;
let stranger: Authority;
beforeAll(async () => {
  authority = await createAuthority('CN=Shop Clients,O=Alder Oak');
  stranger = await createAuthority('CN=Shop Clients,O=Alder Oak');
});

const read = ({ cert }: { cert: string }) => new X509Certificate(cert);
const name = 'CN=erp';

describe('a certificate is vouched for', () => {
  const vouched = (certificate: { cert: string }, by: readonly Authority[] = [authority]) =>
    isIssued(read(certificate), by.map(read), new Date());

  test('by the authority that issued it, whatever stands beside it', async () => {
    const issued = await authority.issue({ name });
    expect(vouched(issued)).toBe(true);
    expect(vouched(issued, [stranger, authority])).toBe(true);
    expect(vouched(await authority.issue({ name, purposes: [] }))).toBe(true);
  });

  test('by nobody else: another of the same name, its owner, the authority itself', async () => {
    expect(vouched(await stranger.issue({ name }))).toBe(false);
    expect(vouched(await selfSigned({ name }))).toBe(false);
    expect(vouched(authority)).toBe(false);
    expect(vouched(await authority.issue({ name }), [])).toBe(false);
  });

  test('only in its time, and only for a client', async () => {
    expect(vouched(await authority.issue({ name, days: -1 }))).toBe(false);
    expect(vouched(await authority.issue({ name, purposes: [SERVER_AUTH] }))).toBe(false);
    const later = new Date(Date.now() + 60 * 24 * 3600 * 1000);
    const long = await authority.issue({ name, days: 90 });
    expect(isIssued(read(long), [read(authority)], new Date())).toBe(true);
    expect(isIssued(read(long), [read(authority)], later)).toBe(false);
  });
});

describe('where certificates are off', () => {
  const accepted = { authorities: [], origin: undefined };
  const client = (authMethod: string, bound: boolean) =>
    ({
      authMethod,
      metadata: bound ? { tls_client_certificate_bound_access_tokens: true } : {},
    }) as unknown as Parameters<typeof refuseWithoutCertificates>[0];

  test('a client that needs them is refused rather than given bearer tokens', () => {
    for (const needy of [
      client('tls_client_auth', false),
      client('self_signed_tls_client_auth', false),
      client('none', true),
      client('private_key_jwt', true),
    ]) {
      expect(() => refuseWithoutCertificates(needy, undefined)).toThrow('invalid_client_metadata');
      expect(() => refuseWithoutCertificates(needy, accepted)).not.toThrow();
    }
    expect(() => refuseWithoutCertificates(client('none', false), undefined)).not.toThrow();
  });
});

describe('a subject', () => {
  const dn = 'tls_client_auth_subject_dn';
  const has = async (subject: string, expected: string) =>
    subjectMatches(read(await authority.issue({ name: subject })), dn, expected);

  test.each([
    ['CN=erp, O=Alder Oak, C=DE', 'CN=erp,O=Alder Oak,C=DE'],
    ['CN=erp, O=Alder Oak, C=DE', 'cn=erp, o=Alder Oak, c=DE'],
    ['CN="Oak, Alder", O=Shop', 'CN=Oak\\, Alder,O=Shop'],
    ['CN="Oak, Alder", O=Shop', 'CN=Oak\\2C Alder,O=Shop'],
    ['CN=Käserei, O=Shop', 'CN=K\\C3\\A4serei,O=Shop'],
    ['CN=Käserei, O=Shop', 'CN=Käserei,O=Shop'],
  ])('%s is %s', async (subject, expected) => {
    expect(await has(subject, expected)).toBe(true);
  });

  test.each([
    ['CN=erp, O=Alder Oak', 'O=Alder Oak,CN=erp'],
    ['CN=erp, O=Alder Oak', 'CN=erp'],
    ['CN=erp', 'CN=erp,O=Alder Oak'],
    ['CN=erp', 'CN=ERP'],
    ['CN="erp,O=Alder Oak"', 'CN=erp,O=Alder Oak'],
    ['CN=erp', 'erp'],
    ['CN=erp', ''],
  ])('%s is not %s', async (subject, expected) => {
    expect(await has(subject, expected)).toBe(false);
  });

  test('is a set where it has several parts on one level', () => {
    expect(parseName('CN=a+UID=b,O=c')).toEqual(parseName('uid=b + CN=a, O=c'));
    expect(parseName('CN=a+UID=b')).not.toEqual(parseName('CN=a,UID=b'));
  });

  test.each(['CN', '=a', 'CN=a,', 'CN=a\\', 'CN=a\\x', 'C N=a'])('%s is no name', (text) => {
    expect(() => parseName(text)).toThrow();
  });
});

describe('alternative names', () => {
  test('are compared as a whole, each by the rules of its kind', async () => {
    const certificate = read(
      await authority.issue({
        name,
        alternatives: [
          { type: 'dns', value: 'erp.shop.example' },
          { type: 'dns', value: '*.wild.example' },
          { type: 'ip', value: '192.0.2.7' },
          { type: 'ip', value: '2001:db8::7' },
          { type: 'url', value: 'https://erp.shop.example/a,b' },
          { type: 'email', value: 'erp@shop.example' },
        ],
      }),
    );
    const is = (kind: string, value: string) =>
      subjectMatches(certificate, `tls_client_auth_${kind}`, value);
    expect([
      is('san_dns', 'erp.shop.example'),
      is('san_dns', 'ERP.shop.example'),
      is('san_ip', '192.0.2.7'),
      is('san_ip', '2001:0db8:0::0007'),
      is('san_uri', 'https://erp.shop.example/a,b'),
      is('san_email', 'erp@shop.example'),
    ]).toEqual(new Array(6).fill(true));
    expect([
      is('san_dns', 'shop.example'),
      is('san_dns', 'x.wild.example'),
      is('san_dns', 'erp@shop.example'),
      is('san_ip', '192.0.2.8'),
      is('san_ip', 'erp'),
      is('san_uri', 'https://erp.shop.example/a'),
      is('san_email', 'erp.shop.example'),
      is('subject', 'CN=erp'),
    ]).toEqual(new Array(8).fill(false));
  });

  test('cannot be slipped in by a value that looks like two', async () => {
    const forged = read(
      await authority.issue({
        name,
        alternatives: [{ type: 'url', value: 'https://a.example/, DNS:erp.shop.example' }],
      }),
    );
    expect(alternativeNames(forged, 'DNS')).toEqual([]);
    expect(subjectMatches(forged, 'tls_client_auth_san_dns', 'erp.shop.example')).toBe(false);
    const plain = read(await authority.issue({ name }));
    expect(subjectMatches(plain, 'tls_client_auth_san_dns', '')).toBe(false);
  });
});
