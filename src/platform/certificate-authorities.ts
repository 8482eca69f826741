/** The authorities of client certificates, from the operator's file. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Throws with a line for the operator unless it holds authorities and nothing else. */
export function readAuthorities(file: string | undefined): readonly X509Certificate[] {
  if (file === undefined) return [];
  try {
    const found = readFileSync(file, 'utf8').match(PEM) ?? [];
    if (found.length === 0) throw new Error('it holds no certificate (PEM)');
    return found.map((pem) => {
      const certificate = new X509Certificate(pem);
      if (!certificate.ca) throw new Error(`${certificate.subject} is no authority`);
      return certificate;
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/\n/g, ', ') : String(cause);
    throw new Error(`LATCHKEY_MTLS_CA cannot be used: ${reason}`, { cause });
  }
}
