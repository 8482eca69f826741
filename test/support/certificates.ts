/** Certificates for tests, made on the spot: an authority, those it issues, and self-made ones. */
// The maker of certificates looks for it before anything else.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 3600 * 1000;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export type Certificate = {
  /** PEM */
  readonly cert: string;
  /** PEM of the private key (PKCS #8) */
  readonly key: string;
  readonly jwk: webcrypto.JsonWebKey;
  /** As in a header of RFC 9440. */
  readonly header: string;
  /** As nginx escapes it. */
  readonly escaped: string;
  readonly der: string;
  /** x5t#S256 */
  readonly thumbprint: string;
};

export type Subject = {
  readonly name: string;
  readonly alternatives?: x509.JsonGeneralNames;
  readonly purposes?: readonly string[];
  /** Days from now, negative for an end that has passed. */
  readonly days?: number;
};

export type Authority = Certificate & { issue(subject: Subject): Promise<Certificate> };

async function describe(
  made: x509.X509Certificate,
  { publicKey, privateKey }: webcrypto.CryptoKeyPair,
): Promise<Certificate> {
  const der = Buffer.from(made.rawData).toString('base64');
  const cert = `${made.toString('pem')}\n`;
  return {
    cert,
    key: `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY')}\n`,
    jwk: await webcrypto.subtle.exportKey('jwk', publicKey),
    header: `:${der}:`,
    escaped: encodeURIComponent(cert),
    der,
    thumbprint: Buffer.from(await made.getThumbprint('SHA-256')).toString('base64url'),
  };
}

const newKeys = () =>
  webcrypto.subtle.generateKey(ALGORITHM, true, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;

/** RFC 4514 writes the most specific part first, a certificate last; the maker reverses nothing. */
const nameOf = (name: string) => new x509.Name(name).toJSON().reverse();

function validity(days = 7) {
  return {
    notBefore: new Date(Date.now() - 30 * DAY),
    notAfter: new Date(Date.now() + days * DAY),
  };
}

function extensionsOf({ alternatives, purposes = [CLIENT_AUTH] }: Subject): x509.Extension[] {
  return [
    ...(alternatives ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension([...purposes])] : []),
  ];
}

/** A certificate that its owner has signed. */
export async function selfSigned(subject: Subject): Promise<Certificate> {
  const keys = await newKeys();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(subject.days),
    name: nameOf(subject.name),
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
    extensions: extensionsOf(subject),
  });
  return describe(made, keys);
}

export async function createAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(30),
    name,
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  return {
    ...(await describe(own, keys)),
    async issue(subject) {
      const issued = await newKeys();
      const made = await x509.X509CertificateGenerator.create({
        ...validity(subject.days),
        subject: nameOf(subject.name),
        issuer: own.subject,
        publicKey: issued.publicKey as never,
        signingKey: keys.privateKey as never,
        signingAlgorithm: ALGORITHM,
        extensions: extensionsOf(subject),
      });
      return describe(made, issued);
    },
  };
}
