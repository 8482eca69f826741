/** Client certificates (RFC 8705): whether there are any, and who hands them over. */
import type { CertificateSource } from '../kernel/client-certificate.js';
import type { Reader } from './reader.js';

export type MutualTls = CertificateSource & {
  /** PEM of the authorities that issue client certificates; without it none is vouched for. */
  readonly caFile: string | undefined;
  /** The origin at which a proxy asks for certificates, where it is not the issuer's. */
  readonly origin: string | undefined;
};

// What every request carries, or what says who and where it is.
const TAKEN =
  /^(host|cookie|authorization|dpop|content-.*|transfer-.*|connection|forwarded|x-forwarded-(for|host|proto)|x-real-ip|accept.*|origin|user-agent)$/;

function parseHeader(value: string): string {
  const name = value.toLowerCase();
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) throw new Error('must be the name of a header');
  if (TAKEN.test(name)) throw new Error(`must not be ${name}, which says something else`);
  return name;
}

function parseOrigin(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isOrigin = url?.protocol === 'https:' && url.href === `${url.origin}/`;
  if (!isOrigin || !url) throw new Error('must be an https origin, without a path');
  return url.origin;
}

const OF_PROXIES = [
  'LATCHKEY_MTLS_HEADER',
  'LATCHKEY_MTLS_VERIFIED_HEADER',
  'LATCHKEY_MTLS_ORIGIN',
] as const;

export function readMutualTls(
  read: Reader,
  given: { readonly tls: boolean; readonly proxies: boolean; readonly issuer: string },
): MutualTls {
  const mode = read.oneOf('LATCHKEY_MTLS', ['off', 'direct', 'proxy'], 'off');
  const caFile = read.text('LATCHKEY_MTLS_CA');
  const header = read.parsed('LATCHKEY_MTLS_HEADER', parseHeader, 'client-cert');
  const verifiedHeader = read.parsed<string | undefined>(
    'LATCHKEY_MTLS_VERIFIED_HEADER',
    parseHeader,
    undefined,
  );
  const origin = read.parsed<string | undefined>('LATCHKEY_MTLS_ORIGIN', parseOrigin, undefined);

  if (mode === 'direct' && !given.tls) {
    read.fault('LATCHKEY_MTLS', 'can be "direct" only where LATCHKEY_TLS_CERT is set');
  }
  if (mode === 'proxy' && !given.proxies) {
    read.fault('LATCHKEY_MTLS', 'can be "proxy" only where LATCHKEY_TRUSTED_PROXIES is set');
  }
  if (header === verifiedHeader) {
    read.fault('LATCHKEY_MTLS_VERIFIED_HEADER', 'must not be the header of the certificate');
  }
  if (origin !== undefined && origin === given.issuer) {
    read.fault('LATCHKEY_MTLS_ORIGIN', 'must not be the issuer’s');
  }
  // A setting that does nothing is one that its operator believes in.
  for (const name of OF_PROXIES) {
    if (mode !== 'proxy' && read.text(name) !== undefined) {
      read.fault(name, 'is of use only with LATCHKEY_MTLS=proxy');
    }
  }
  if (mode === 'off' && caFile !== undefined) {
    read.fault('LATCHKEY_MTLS_CA', 'is of no use where LATCHKEY_MTLS is off');
  }
  const source = mode === 'proxy' ? { mode, header, verifiedHeader } : { mode };
  return { ...source, caFile, origin };
}
