/**
 * Client authentication by certificate, and tokens bound to one (RFC 8705). The certificate was
 * put on the request by `http/middleware/client-certificate`; here it is judged.
 *
 * Who vouches for it is decided here in every mode, so that a proxy that is set up to let any
 * certificate through does not authenticate anybody: it must be issued by one of the operator's
 * authorities itself, be meant for clients, and be within its time.
 */
import type { X509Certificate } from 'node:crypto';
import { type Configuration, errors } from 'oidc-provider';
import type { Client } from '../domain/clients/index.js';
import { CERTIFICATE_ENDPOINTS, type ClientCertificate } from '../kernel/client-certificate.js';
import type { Clock } from '../kernel/clock.js';
import { subjectMatches } from './certificate-subject.js';

export type MutualTlsParts = {
  /** Those that issue client certificates. Without any, only registered ones authenticate. */
  readonly authorities: readonly X509Certificate[];
  /** Where clients with certificates are to send their requests, if not to the issuer. */
  readonly origin: string | undefined;
};

type Feature = NonNullable<NonNullable<Configuration['features']>['mTLS']>;

/** id-kp-clientAuth (RFC 5280 section 4.2.1.12) */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** The certificate a request came with, if any counts. */
export const certificateOf = (ctx: object): ClientCertificate | undefined =>
  (ctx as { state: { certificate?: ClientCertificate } }).state.certificate;

/** Whether one of the authorities has issued the certificate, for a client, for now. */
export function isIssued(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  now: Date,
): boolean {
  // An authority that shows its own certificate is no client.
  if (certificate.ca || !isCurrent(certificate, now)) return false;
  // Without the extension it may be used for anything.
  const purposes = certificate.keyUsage as readonly string[] | undefined;
  if (purposes !== undefined && !purposes.includes(CLIENT_AUTH)) return false;
  return authorities.some(
    (authority) =>
      isCurrent(authority, now) &&
      certificate.checkIssued(authority) &&
      certificate.verify(authority.publicKey),
  );
}

const isCurrent = ({ validFrom, validTo }: X509Certificate, now: Date): boolean =>
  Date.parse(validFrom) <= now.getTime() && now.getTime() <= Date.parse(validTo);

/** The host's feature; switched off it still answers, so that bound tokens stay bound. */
export function mutualTlsFeature(parts: MutualTlsParts | undefined, clock: Clock): Feature {
  const enabled = parts !== undefined;
  const authorities = parts?.authorities ?? [];
  return {
    enabled,
    certificateBoundAccessTokens: enabled,
    selfSignedTlsClientAuth: enabled,
    tlsClientAuth: authorities.length > 0,
    getCertificate: (ctx) => certificateOf(ctx)?.certificate,
    certificateAuthorized(ctx) {
      const shown = certificateOf(ctx);
      return shown?.passed === true && isIssued(shown.certificate, authorities, clock.now());
    },
    certificateSubjectMatches(ctx, property, expected) {
      const shown = certificateOf(ctx);
      return shown !== undefined && subjectMatches(shown.certificate, property, expected);
    },
  };
}

/** How clients authenticate with certificates: what discovery may promise. */
export function certificateMethods(parts: MutualTlsParts | undefined) {
  if (!parts) return [];
  const selfSigned = 'self_signed_tls_client_auth' as const;
  return parts.authorities.length > 0 ? (['tls_client_auth', selfSigned] as const) : [selfSigned];
}

/** What discovery adds where they are found at an address of their own. */
export function endpointAliases(parts: MutualTlsParts | undefined): Record<string, unknown> {
  if (!parts?.origin) return {};
  const aliases = Object.entries(CERTIFICATE_ENDPOINTS).map(([name, path]) => [
    name,
    parts.origin + path,
  ]);
  return { mtls_endpoint_aliases: Object.fromEntries(aliases) };
}

/**
 * Refuses a client whose registration needs certificates where none are read: the host would
 * leave the binding out and hand it bearer tokens. Throws `InvalidClientMetadata`.
 */
export function refuseWithoutCertificates(
  client: Pick<Client, 'authMethod' | 'metadata'>,
  parts: MutualTlsParts | undefined,
): void {
  const { tls_client_certificate_bound_access_tokens: bound } = client.metadata as {
    tls_client_certificate_bound_access_tokens?: boolean;
  };
  const needed = client.authMethod.endsWith('tls_client_auth') || bound === true;
  if (needed && !parts) {
    throw new errors.InvalidClientMetadata('client certificates are not accepted by this server');
  }
}
