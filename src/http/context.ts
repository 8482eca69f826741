/** What our middleware leaves on a request for those behind it. */
import type { DefaultContext, Middleware, ParameterizedContext } from 'koa';
import type { Origin } from '../domain/audit/index.js';
import type { ClientCertificate } from '../kernel/client-certificate.js';
import type { Language } from '../kernel/language.js';

export type RequestState = {
  /** Shown on error pages, logged, and written into audit records. */
  requestId: string;
  /** The caller's address, as far as trusted proxies vouch for it. */
  ip: string;
  /** Shown in the TLS handshake; only the protocol host and its judgement know what it is worth. */
  certificate: ClientCertificate | undefined;
  /** For `script` and `link` elements of this response only. */
  nonce: string;
  /** What its pages are written in. */
  language: Language;
  /** Whether the person has chosen that in this browser; then nothing else counts. */
  languageChosen: boolean;
  /** The matched route, for logs and metrics: never the path, which may hold a secret. */
  route: string;
};

export type AppContext = ParameterizedContext<RequestState, DefaultContext>;
export type AppMiddleware = Middleware<RequestState, DefaultContext>;

/** Where a request came from, for the audit log. */
export function originOf(ctx: AppContext): Origin {
  return { ip: ctx.state.ip, requestId: ctx.state.requestId };
}

/** Whether a caller's address is this machine's own. */
export function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}

/** Whether the caller would rather read a page than JSON. */
export function wantsPage(ctx: AppContext): boolean {
  return ctx.accepts('json', 'html') === 'html';
}
