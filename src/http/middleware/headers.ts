/**
 * Security headers on everything (OWASP ASVS 3.4): a page of ours loads nothing from elsewhere,
 * is framed by nobody, leaks no address, and is cached nowhere unless it says so itself.
 */
import { randomBytes } from 'node:crypto';
import type { AppContext, AppMiddleware } from '../context.js';
import { PASSKEY_POLICY, PUZZLE_POLICY } from '../views.js';

function policy(nonce: string, formTargets: readonly string[]): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src 'self' data:",
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}

export function securityHeaders(issuer: string): AppMiddleware {
  const secure = issuer.startsWith('https:');
  return async (ctx, next) => {
    ctx.state.nonce = randomBytes(16).toString('base64url');
    ctx.set('Content-Security-Policy', policy(ctx.state.nonce, []));
    ctx.set('X-Frame-Options', 'DENY');
    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Referrer-Policy', 'no-referrer');
    ctx.set('Cross-Origin-Opener-Policy', 'same-origin');
    ctx.set('Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=()');
    ctx.set('Cache-Control', 'no-store');
    if (secure) ctx.set('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
    await next();
  };
}

/**
 * Lets the forms of this page end up at `target`. Chromium applies `form-action` to the whole
 * redirect chain after a POST, so the page whose form logs somebody in has to name the client.
 */
export function allowFormTarget(ctx: AppContext, target: string | undefined): void {
  const source = target && formSource(target);
  const header = ctx.response.get('Content-Security-Policy');
  if (!source || !header) return;
  ctx.set(
    'Content-Security-Policy',
    header.replace("form-action 'self'", `form-action 'self' ${source}`),
  );
}

/** A CSP source for an address: its origin, or its scheme for an application's own scheme. */
function formSource(target: string): string | undefined {
  try {
    const url = new URL(target);
    if (url.protocol === 'https:' || url.protocol === 'http:') return url.origin;
    return /^[a-z][a-z0-9+.-]*:$/.test(url.protocol) ? url.protocol : undefined;
  } catch {
    return undefined;
  }
}

/** Lets a page with a proof-of-work puzzle compute in workers, from our own files only. */
export function allowWorkers(ctx: AppContext): void {
  const header = ctx.response.get('Content-Security-Policy');
  if (header) ctx.set('Content-Security-Policy', `${header}; ${PUZZLE_POLICY}`);
}

/** Lets the script of a page with a passkey ask this server what to sign, and nobody else. */
export function allowPasskeys(ctx: AppContext): void {
  const header = ctx.response.get('Content-Security-Policy');
  if (header) ctx.set('Content-Security-Policy', `${header}; ${PASSKEY_POLICY}`);
}
