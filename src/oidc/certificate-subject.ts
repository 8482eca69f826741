/**
 * Whether a certificate is of the subject that is registered for a client (RFC 8705 section
 * 2.1.2). Values are compared as a whole: no wildcards, no parts, no case but that of host names.
 */
import type { X509Certificate } from 'node:crypto';
import { bytesOf } from '../kernel/network.js';

type Attribute = { readonly type: string; readonly value: string };

const SPECIAL = ',+"\\<>;=# ';

/**
 * A distinguished name (RFC 4514) as a list of its parts, the most specific first; each part as
 * one comparable text. Throws if it is none.
 */
export function parseName(name: string): readonly string[] {
  const parts: Attribute[][] = [[]];
  let at = 0;
  while (at < name.length) {
    const equals = name.indexOf('=', at);
    const type = equals < 0 ? '' : name.slice(at, equals).trim();
    if (!/^([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)+)$/.test(type)) throw new Error('is no name');
    const { value, end } = readValue(name, equals + 1);
    parts.at(-1)?.push({ type: canonicalType(type), value });
    if (name[end] === ',') parts.push([]);
    at = end + 1;
    if (end < name.length && at >= name.length) throw new Error('ends too early');
  }
  // A part of several attributes is a set (RFC 4514 section 2.2).
  return parts.map((part) =>
    JSON.stringify(part.map(({ type, value }) => [type, value]).sort((a, b) => compare(a, b))),
  );
}

const compare = (a: readonly string[], b: readonly string[]) =>
  JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;

function canonicalType(type: string): string {
  const upper = type.toUpperCase();
  return upper === 'E' || upper === '1.2.840.113549.1.9.1' ? 'EMAILADDRESS' : upper;
}

/** A value up to the next `,` or `+` that is not escaped; blanks around it do not count. */
function readValue(name: string, from: number): { value: string; end: number } {
  const bytes: Buffer[] = [];
  let kept = 0;
  let at = from;
  for (; at < name.length && name[at] !== ',' && name[at] !== '+'; at += 1) {
    const char = String.fromCodePoint(name.codePointAt(at) ?? 0);
    if (char !== '\\') {
      if (char === ' ' && bytes.length === 0) continue;
      bytes.push(Buffer.from(char));
      if (char !== ' ') kept = bytes.length;
      at += char.length - 1;
      continue;
    }
    const [hex] = /^[0-9A-Fa-f]{2}/.exec(name.slice(at + 1)) ?? [];
    const next = name[at + 1] ?? '';
    if (!hex && !(next !== '' && SPECIAL.includes(next))) throw new Error('is badly escaped');
    bytes.push(hex ? Buffer.from(hex, 'hex') : Buffer.from(next));
    kept = bytes.length;
    at += hex ? 2 : 1;
  }
  return { value: Buffer.concat(bytes.slice(0, kept)).toString('utf8'), end: at };
}

function isSubject(certificate: X509Certificate, expected: string): boolean {
  // One part a line, the most general first, escaped as in RFC 2253.
  const subject = (certificate.subject ?? '').split('\n').reverse().join(',');
  if (subject === '') return false;
  try {
    const [ours, theirs] = [parseName(expected), parseName(subject)];
    return ours.length === theirs.length && ours.every((part, at) => part === theirs[at]);
  } catch {
    return false;
  }
}

// Node quotes, as JSON does, every value that could be mistaken for two (CVE-2021-44532).
const ALTERNATIVE = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y;

/** The alternative names of one kind, spelled as Node spells the kinds. */
export function alternativeNames(certificate: X509Certificate, kind: string): readonly string[] {
  const text = certificate.subjectAltName ?? '';
  const names: string[] = [];
  ALTERNATIVE.lastIndex = 0;
  while (ALTERNATIVE.lastIndex < text.length) {
    const [, found, value = ''] = ALTERNATIVE.exec(text) ?? [];
    // What cannot be read to its end is not read at all.
    if (found === undefined) return [];
    if (found === kind) names.push(value.startsWith('"') ? String(JSON.parse(value)) : value);
  }
  return names;
}

const hex = (address: string) => Buffer.from(bytesOf(address) ?? []).toString('hex');

/** @param property the name of the metadata that holds what is expected */
export function subjectMatches(
  certificate: X509Certificate,
  property: string,
  expected: string,
): boolean {
  const has = (kind: string, fits: (name: string) => boolean) =>
    alternativeNames(certificate, kind).some(fits);
  switch (property) {
    case 'tls_client_auth_subject_dn':
      return isSubject(certificate, expected);
    case 'tls_client_auth_san_dns':
      return has('DNS', (name) => name.toLowerCase() === expected.toLowerCase());
    case 'tls_client_auth_san_uri':
      return has('URI', (name) => name === expected);
    case 'tls_client_auth_san_ip':
      return hex(expected) !== '' && has('IP Address', (name) => hex(name) === hex(expected));
    case 'tls_client_auth_san_email':
      return has('email', (name) => name === expected);
    default:
      return false;
  }
}
