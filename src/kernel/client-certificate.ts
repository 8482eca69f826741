/**
 * The certificate a client has shown in its TLS handshake (RFC 8705). The handshake proved that
 * it holds the key; whether anybody vouches for the name in it is another question.
 */
import type { X509Certificate } from 'node:crypto';

export type ClientCertificate = {
  readonly certificate: X509Certificate;
  /** False where a proxy that is to check certificates says that this one did not pass. */
  readonly passed: boolean;
};

/**
 * Where client certificates come from: nowhere, from our own TLS connection, or from a trusted
 * proxy's header.
 */
export type CertificateSource =
  | { readonly mode: 'off' }
  | { readonly mode: 'direct' }
  | {
      readonly mode: 'proxy';
      /** Lower case. */
      readonly header: string;
      /** Must say `SUCCESS` for a certificate to pass, where it is set. Lower case. */
      readonly verifiedHeader: string | undefined;
    };

/**
 * The endpoints that want to see a certificate: all at which a client authenticates, and where a
 * bound token is shown (RFC 8705 section 5, RFC 8628 section 3.1, CIBA Core section 7.1).
 */
export const CERTIFICATE_ENDPOINTS = {
  token_endpoint: '/oauth2/token',
  userinfo_endpoint: '/oauth2/userinfo',
  introspection_endpoint: '/oauth2/introspect',
  revocation_endpoint: '/oauth2/revoke',
  pushed_authorization_request_endpoint: '/oauth2/par',
  device_authorization_endpoint: '/oauth2/device_authorization',
  backchannel_authentication_endpoint: '/oauth2/backchannel-authentication',
} as const;
