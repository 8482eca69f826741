/**
 * Reads the certificate a client has shown (RFC 8705): from our own TLS connection, or from the
 * header of a declared proxy. Whoever may write that header is any client at all, so it counts
 * only from a trusted peer, only once, and only if it is a certificate and nothing besides;
 * `pinOrigin` strips it from everybody else's requests and from all of them afterwards.
 */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { CertificateSource, ClientCertificate } from '../../kernel/client-certificate.js';
import { AppError } from '../../kernel/errors.js';

export type ReadCertificate = (
  request: IncomingMessage,
  viaProxy: boolean,
) => ClientCertificate | undefined;

/** RFC 9440 section 2.1: a byte sequence of RFC 8941 section 3.3.5, and no parameters. */
const BYTE_SEQUENCE = /^:([A-Za-z0-9+/]+={0,2}):$/;
const ONE_PEM = /^-----BEGIN CERTIFICATE-----\s+[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/;

/** A certificate in DER as RFC 9440 writes it, or in PEM, URL-encoded, as nginx does. */
function parseCertificate(value: string): X509Certificate {
  const [, encoded] = BYTE_SEQUENCE.exec(value) ?? [];
  if (encoded) return new X509Certificate(Buffer.from(encoded, 'base64'));
  const pem = decodeURIComponent(value);
  if (!ONE_PEM.test(pem)) throw new Error('neither a byte sequence nor one URL-encoded PEM');
  return new X509Certificate(pem);
}

/** The one value of a header; proxies that add instead of replacing are not believed. */
function onlyValue({ headers, rawHeaders }: IncomingMessage, name: string): string {
  const times = rawHeaders.filter((key, at) => at % 2 === 0 && key.toLowerCase() === name).length;
  if (times > 1) throw new AppError('invalid_request', { detail: `${name} was sent twice` });
  const value = headers[name];
  return typeof value === 'string' ? value.trim() : '';
}

function fromHeader(
  request: IncomingMessage,
  { header, verifiedHeader }: Extract<CertificateSource, { mode: 'proxy' }>,
): ClientCertificate | undefined {
  const value = onlyValue(request, header);
  const verdict = verifiedHeader && onlyValue(request, verifiedHeader);
  if (value === '') return undefined;
  try {
    const certificate = parseCertificate(value);
    return { certificate, passed: verdict === undefined || verdict === 'SUCCESS' };
  } catch (cause) {
    throw new AppError('invalid_request', { detail: `${header} holds no certificate`, cause });
  }
}

export function certificateReader(source: CertificateSource): ReadCertificate {
  switch (source.mode) {
    case 'off':
      return () => undefined;
    case 'direct':
      return ({ socket }) => {
        const certificate =
          socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
        return certificate && { certificate, passed: true };
      };
    case 'proxy':
      return (request, viaProxy) => (viaProxy ? fromHeader(request, source) : undefined);
  }
}
