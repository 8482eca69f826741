/**
 * What the sign-in server tells the shop when somebody's session there has ended, wherever that
 * was (OpenID Connect Back-Channel Logout 1.0 section 2.6). Anybody can send a form here: only a
 * token that the server signed, for this shop and for this purpose, ends anything. A notice may
 * come twice; ending what is over is harmless, so nothing is kept of those that came.
 */
import type { IncomingMessage } from 'node:http';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { settings } from './settings.js';
import { keysAddress } from './sign-in.js';

/** A session by its name, or all of a shopper's. */
export type Ended = { readonly sid: string | undefined; readonly subject: string | undefined };

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const LONGEST = 16 * 1024;

let keys: ReturnType<typeof createRemoteJWKSet> | undefined;

/** What has ended; nothing if the notice is not to be believed. Throws when keys cannot be had. */
export async function readSignOutNotice(req: IncomingMessage): Promise<Ended | undefined> {
  const token = new URLSearchParams(await readBody(req)).get('logout_token') ?? '';
  keys ??= createRemoteJWKSet(await keysAddress(), { timeoutDuration: 2_000 });
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: settings.issuer.origin,
      audience: settings.clientId,
      // An ID token is signed with the same key, and must not sign anybody out.
      typ: 'logout+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['iat', 'exp', 'jti', 'events'],
      clockTolerance: 15,
    });
    const events = payload.events as Record<string, unknown> | null;
    const sid = typeof payload.sid === 'string' ? payload.sid : undefined;
    const subject = payload.sub;
    const isOne = typeof events?.[EVENT] === 'object' && !('nonce' in payload);
    return isOne && (sid !== undefined || subject !== undefined) ? { sid, subject } : undefined;
  } catch (error) {
    // Without the server's keys nothing can be said of it: the notice has to come again.
    if (!(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout) throw error;
    return undefined;
  }
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
