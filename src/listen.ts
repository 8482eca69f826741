/** Sockets: one listener for everybody, one for the operators of this machine. */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { TlsOptions } from 'node:tls';
import type { Config, MutualTls } from './config/index.js';
import { readAuthorities } from './platform/certificate-authorities.js';
import type { MetricsPage } from './platform/metrics.js';

const DRAIN_MS = 10_000;
// Slow senders hold a socket, not a server (CWE-400).
const SOCKET_LIMITS = { headersTimeout: 10_000, requestTimeout: 30_000, maxHeaderSize: 16 * 1024 };

// TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2).
const TLS: TlsOptions = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
};

/** Opens the public listener. Throws with a one-line message when it cannot. */
export async function listenForEverybody(
  { host, port, tls }: Config['listen'],
  handler: RequestListener,
  mutualTls: Pick<MutualTls, 'mode' | 'caFile'> = { mode: 'off', caFile: undefined },
): Promise<HttpServer> {
  const server = tls
    ? createTlsServer(tls, mutualTls, handler)
    : createHttpServer(SOCKET_LIMITS, handler);
  await bind(server, port, host);
  return server;
}

function createTlsServer(
  tls: NonNullable<Config['listen']['tls']>,
  mutualTls: Pick<MutualTls, 'mode' | 'caFile'>,
  handler: RequestListener,
): HttpServer {
  const cert = readSetting('LATCHKEY_TLS_CERT', tls.certFile);
  const key = readSetting('LATCHKEY_TLS_KEY', tls.keyFile);
  const certificates = mutualTls.mode === 'direct' ? askForCertificates(mutualTls.caFile) : {};
  try {
    return createHttpsServer({ ...SOCKET_LIMITS, ...TLS, ...certificates, cert, key }, handler);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `LATCHKEY_TLS_CERT and LATCHKEY_TLS_KEY are no certificate with its key (PEM): ${reason}`,
      { cause },
    );
  }
}

/**
 * Asks everybody for a certificate and lets in whoever has none: what one is good for is judged
 * at the endpoints (RFC 8705 section 7.3 leaves room for certificates nobody has issued). Each
 * connection proves its key anew: a resumed one would go on after its authority was taken away.
 */
function askForCertificates(caFile: string | undefined): TlsOptions {
  const authorities = readAuthorities(caFile).map(String);
  return {
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
    // Browsers then ask their owner only if they hold a certificate of one of these.
    ...(authorities.length > 0 ? { ca: authorities } : {}),
  };
}

function readSetting(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name} cannot be read: ${reason}`, { cause });
  }
}

/** `/metrics` for this machine alone. */
export async function listenForOperators(port: number, metrics: MetricsPage): Promise<HttpServer> {
  const server = createHttpServer(SOCKET_LIMITS, (req, res) => {
    if (req.method !== 'GET' || req.url !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    metrics.render().then(
      ({ contentType, body }) => res.writeHead(200, { 'content-type': contentType }).end(body),
      () => res.writeHead(500).end(),
    );
  });
  await bind(server, port, '127.0.0.1');
  return server;
}

function bind(server: HttpServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(whyNot(error, port, host), { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}

function whyNot(error: NodeJS.ErrnoException, port: number, host: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} is already in use; set PORT to another one`;
    case 'EACCES':
      return `Port ${port} needs more privileges; set PORT to one above 1024`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EINVAL':
      return `HOST ${host} is no address of this machine`;
    default:
      return error.message;
  }
}

/** No new connections; idle ones go at once, busy ones get their answer, stragglers ten seconds. */
export async function closeListener(server: HttpServer): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  const limit = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(limit);
}
