/**
 * Where clients register themselves (RFC 7591) and manage what they registered (RFC 7592). Only
 * mounted where the operator has switched it on, and never without a token.
 */
import bodyParser from '@koa/bodyparser';
import Router from '@koa/router';
import type { ManageRegistration } from '../../flows/client-registration/manage.js';
import type { Refusal } from '../../flows/client-registration/metadata.js';
import type { RegisterItself } from '../../flows/client-registration/register.js';
import { AppError } from '../../kernel/errors.js';
import { isId } from '../../kernel/ids.js';
import { parseStrictJson } from '../../kernel/strict-json.js';
import { challenge, readAuthorization } from '../api/authorization.js';
import { type AppContext, originOf, type RequestState } from '../context.js';
import { refuseUnreadable } from '../form-body.js';
import type { ClientAuthFailures } from '../middleware/client-auth-limit.js';
import { FORM_LIMIT } from '../middleware/limits.js';

export type ClientRegistrationParts = {
  readonly register: RegisterItself;
  readonly manage: ManageRegistration;
  /** Wrong tokens count as failed client authentications do. */
  readonly failures: ClientAuthFailures;
};

export const REGISTRATION_PATH = '/oauth2/register';

export function clientRegistrationRoutes(parts: ClientRegistrationParts): Router<RequestState> {
  const { register, manage, failures } = parts;
  const router = new Router<RequestState>({ strict: true, sensitive: true });
  const text = bodyParser({
    enableTypes: ['text'],
    extendTypes: { text: ['application/json'] },
    textLimit: FORM_LIMIT,
    encoding: 'utf-8',
    onError: refuseUnreadable,
  });

  /** Runs `work` with the token that was presented, unless this network got too many wrong. */
  const withToken = async <T extends { readonly kind: string }>(
    ctx: AppContext,
    work: (token: string) => Promise<T>,
  ): Promise<Exclude<T, { kind: 'unknown-token' }> | undefined> => {
    const seen = { clientId: `registration ${String(ctx.params.id ?? '')}`, ip: ctx.state.ip };
    const verdict = await failures.check(seen);
    if (verdict.kind === 'limited') {
      tooMany(ctx, verdict.retryAfterSeconds, 'too many wrong tokens, try again later');
      return undefined;
    }
    const presented = readAuthorization(ctx);
    if (presented?.scheme !== 'Bearer') {
      challenge(ctx, {});
      return refuse(ctx, 401, 'invalid_token', 'a bearer token is required');
    }
    const result = await work(presented.token);
    if (result.kind !== 'unknown-token') return result as Exclude<T, { kind: 'unknown-token' }>;
    await failures.record(seen);
    challenge(ctx, { error: 'invalid_token' });
    return refuse(ctx, 401, 'invalid_token', 'the token is unknown, expired, revoked or used up');
  };

  router.post(REGISTRATION_PATH, text, async (ctx) => {
    const origin = originOf(ctx);
    const result = await withToken(ctx, async (token) => {
      const read = bodyOf(ctx);
      return read.kind === 'refused' ? read : register({ token, body: read.value, origin });
    });
    if (!result) return;
    if (result.kind === 'refused') presentRefusal(ctx, result);
    else if (result.kind === 'limited') {
      tooMany(ctx, result.retryAfterSeconds, 'this token has registered enough for now');
    } else {
      ctx.status = 201;
      ctx.body = result.information;
    }
  });

  const ofClient = (ctx: AppContext, access: string) => {
    const clientId = String(ctx.params.id);
    // Anything else is nobody's id, and is not looked up.
    return { clientId: isId(clientId) ? clientId : '', access, origin: originOf(ctx) };
  };

  router.get(`${REGISTRATION_PATH}/:id`, async (ctx) => {
    present(ctx, await withToken(ctx, (access) => manage.read(ofClient(ctx, access))));
  });

  router.put(`${REGISTRATION_PATH}/:id`, text, async (ctx) => {
    const result = await withToken(ctx, async (access) => {
      const read = bodyOf(ctx);
      if (read.kind === 'refused') return read;
      return manage.replace({ ...ofClient(ctx, access), body: read.value });
    });
    present(ctx, result);
  });

  router.delete(`${REGISTRATION_PATH}/:id`, async (ctx) => {
    present(ctx, await withToken(ctx, (access) => manage.remove(ofClient(ctx, access))));
  });

  return router;
}

type Managed = Awaited<ReturnType<ManageRegistration[keyof ManageRegistration]>>;

function present(ctx: AppContext, result: Managed | undefined): void {
  switch (result?.kind) {
    case 'told':
      ctx.body = result.information;
      return;
    case 'removed':
      ctx.status = 204;
      return;
    case 'limited':
      tooMany(ctx, result.retryAfterSeconds, 'this client has changed often enough for now');
      return;
    case 'disabled':
      refuse(ctx, 403, 'access_denied', 'this client is disabled');
      return;
    case 'refused':
      presentRefusal(ctx, result);
  }
}

function presentRefusal(ctx: AppContext, { error, description }: Refusal): void {
  refuse(ctx, 400, error, description);
}

function refuse(ctx: AppContext, status: number, error: string, description: string): undefined {
  ctx.status = status;
  ctx.body = { error, error_description: description };
  return undefined;
}

function tooMany(ctx: AppContext, seconds: number, description: string): void {
  ctx.set('Retry-After', String(seconds));
  refuse(ctx, 429, 'temporarily_unavailable', description);
}

function bodyOf(ctx: AppContext): Refusal | { readonly kind: 'read'; readonly value: unknown } {
  const { body } = ctx.request as { body?: unknown };
  if (typeof body !== 'string') throw new AppError('unsupported_media_type');
  const read = parseStrictJson(body);
  return read.kind === 'read'
    ? read
    : { kind: 'refused', error: 'invalid_client_metadata', description: read.fault };
}
