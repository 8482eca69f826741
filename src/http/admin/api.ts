/**
 * The admin API. Each operation names the scope it needs, checks its input strictly, calls one
 * flow, and presents the outcome; everything wrong is a problem document (RFC 9457).
 */
import Router from '@koa/router';
import { type Administrator, type AdminScope, mayAdminister } from '../../domain/access/index.js';
import type { AuthorizeAdministrator } from '../../flows/authorize-administrator.js';
import type { BrandClient } from '../../flows/brand-client.js';
import type { ChangeStatus, ChangeStatusResult } from '../../flows/change-status.js';
import type { ResetSecondFactor } from '../../flows/lost-factor/reset.js';
import type { StopReset } from '../../flows/lost-factor/stop.js';
import type { RevokeAccess } from '../../flows/revoke-access.js';
import type { UnlockAccount } from '../../flows/unlock-account.js';
import { AppError } from '../../kernel/errors.js';
import { isId } from '../../kernel/ids.js';
import { challenge, readAuthorization } from '../api/authorization.js';
import { parseBody, readJson } from '../api/body.js';
import { type AppContext, originOf, type RequestState } from '../context.js';
import { ADMIN_LIMIT } from '../middleware/limits.js';
import { brandBody, factorResetBody, revocationBody, statusBody } from './bodies.js';
import { brandDraft, presentBrand } from './brand.js';
import { addKeyRoutes, type KeyParts } from './keys.js';
import { openApiDocument } from './openapi.js';

export type AdminParts = KeyParts & {
  readonly issuer: string;
  readonly authorizeAdministrator: AuthorizeAdministrator;
  readonly revokeAccess: RevokeAccess;
  readonly unlockAccount: UnlockAccount;
  readonly resetSecondFactor: ResetSecondFactor;
  readonly stopReset: StopReset;
  readonly changeAccountStatus: ChangeStatus;
  readonly changeClientStatus: ChangeStatus;
  readonly brandClient: BrandClient;
};

export function adminRoutes(parts: AdminParts): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/admin/api/v1',
    strict: true,
    sensitive: true,
  });
  const json = readJson(ADMIN_LIMIT);
  const document = openApiDocument(parts.issuer);

  const administratorOf = async (ctx: AppContext, scope: AdminScope): Promise<Administrator> => {
    const administrator = await authenticate(ctx, parts.authorizeAdministrator);
    if (!mayAdminister(administrator, scope)) {
      challenge(ctx, { error: 'insufficient_scope', scope });
      throw new AppError('insufficient_scope', { detail: `This needs the scope ${scope}` });
    }
    return administrator;
  };

  router.get('/openapi.json', (ctx) => {
    ctx.body = document;
  });

  router.post('/users/:id/revocations', json, async (ctx) => {
    const administrator = await administratorOf(ctx, 'grants:revoke');
    const accountId = idOf(ctx);
    const body = parseBody(ctx, revocationBody);
    const result = await parts.revokeAccess({
      administrator,
      accountId,
      what: body.what,
      reason: body.reason,
      origin: originOf(ctx),
    });
    if (result.kind === 'not-found') throw new AppError('not_found');
    if (result.kind === 'forbidden') throw new AppError('forbidden');
    ctx.body = { revoked: result.revoked };
  });

  router.post('/users/:id/unlock', json, async (ctx) => {
    const administrator = await administratorOf(ctx, 'users:write');
    const id = idOf(ctx);
    const result = await parts.unlockAccount({
      administrator,
      accountId: id,
      origin: originOf(ctx),
    });
    if (result.kind === 'not-found') throw new AppError('not_found');
    if (result.kind === 'forbidden') throw new AppError('forbidden');
    ctx.status = 204;
  });

  router.post('/users/:id/second-factor-resets', json, async (ctx) => {
    const administrator = await administratorOf(ctx, 'users:write');
    const accountId = idOf(ctx);
    const { reason, now = false } = parseBody(ctx, factorResetBody);
    const origin = originOf(ctx);
    const asked = { administrator, accountId, reason, now, origin };
    const result = await parts.resetSecondFactor(asked);
    if (result.kind === 'not-found') throw new AppError('not_found');
    if (result.kind === 'forbidden') throw new AppError('forbidden');
    if (result.kind === 'disabled') {
      throw new AppError('conflict', {
        detail: 'The account is disabled, so its owner could not stop a planned reset',
      });
    }
    if (result.kind === 'planned') {
      ctx.status = 202;
      ctx.body = { removed: false, effectiveAt: result.effectiveAt.toISOString() };
      return;
    }
    ctx.body = { removed: result.kind === 'reset' };
  });

  router.delete('/users/:id/second-factor-resets', async (ctx) => {
    const administrator = await administratorOf(ctx, 'users:write');
    const accountId = idOf(ctx);
    const origin = originOf(ctx);
    const result = await parts.stopReset.byStaff({ administrator, accountId, origin });
    if (result === 'not-found') throw new AppError('not_found');
    if (result === 'forbidden') throw new AppError('forbidden');
    ctx.status = 204;
  });

  router.patch('/users/:id', json, async (ctx) => {
    const administrator = await administratorOf(ctx, 'users:write');
    const id = idOf(ctx);
    const body = parseBody(ctx, statusBody);
    presentStatus(
      ctx,
      { id, status: body.status },
      await parts.changeAccountStatus({
        administrator,
        id,
        status: body.status,
        reason: body.reason ?? '',
        origin: originOf(ctx),
      }),
    );
  });

  router.patch('/clients/:id', json, async (ctx) => {
    const administrator = await administratorOf(ctx, 'clients:write');
    const id = String(ctx.params.id);
    const body = parseBody(ctx, statusBody);
    presentStatus(
      ctx,
      { id, status: body.status },
      await parts.changeClientStatus({
        administrator,
        id,
        status: body.status,
        reason: body.reason ?? '',
        origin: originOf(ctx),
      }),
    );
  });

  router.put('/clients/:id/brand', json, async (ctx) => {
    const administrator = await administratorOf(ctx, 'clients:write');
    const clientId = String(ctx.params.id);
    const draft = brandDraft(parseBody(ctx, brandBody));
    const origin = originOf(ctx);
    ctx.body = presentBrand(await parts.brandClient({ administrator, clientId, draft, origin }));
  });

  router.delete('/clients/:id/brand', async (ctx) => {
    const administrator = await administratorOf(ctx, 'clients:write');
    const clientId = String(ctx.params.id);
    const draft = { accent: null, surface: null, logo: null };
    const origin = originOf(ctx);
    presentBrand(await parts.brandClient({ administrator, clientId, draft, origin }));
    ctx.status = 204;
  });

  addKeyRoutes(router, parts, { json, administratorOf });

  return router;
}

/** RFC 6750: no token or a dead one is 401, a token for another audience or user is 403. */
async function authenticate(
  ctx: AppContext,
  authorize: AuthorizeAdministrator,
): Promise<Administrator> {
  const presented = readAuthorization(ctx);
  if (presented?.scheme !== 'Bearer') {
    challenge(ctx, {});
    throw new AppError('unauthenticated');
  }
  const result = await authorize(presented.token);
  switch (result.kind) {
    case 'unknown-token':
      challenge(ctx, { error: 'invalid_token' });
      throw new AppError('unauthenticated');
    case 'wrong-audience':
      throw new AppError('forbidden', { detail: 'This token is not for the admin API' });
    case 'authorized':
      return result.administrator;
  }
}

function idOf(ctx: AppContext): string {
  const id = String(ctx.params.id);
  if (!isId(id)) throw new AppError('not_found');
  return id;
}

function presentStatus(ctx: AppContext, body: object, result: ChangeStatusResult): void {
  if (result.kind === 'not-found') throw new AppError('not_found');
  if (result.kind === 'forbidden') throw new AppError('forbidden');
  ctx.body = body;
}
