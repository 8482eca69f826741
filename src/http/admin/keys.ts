/** `/keys` of the admin API: what is published, and rotations, in order or in an emergency. */
import type Router from '@koa/router';
import type { Administrator, AdminScope } from '../../domain/access/index.js';
import type { KeyInfo } from '../../domain/keys/index.js';
import type { RevokeSigningKeys } from '../../flows/revoke-signing-keys.js';
import type { RotateSigningKeys } from '../../flows/rotate-signing-keys.js';
import { AppError } from '../../kernel/errors.js';
import { parseBody } from '../api/body.js';
import { type AppContext, type AppMiddleware, originOf, type RequestState } from '../context.js';
import { keyRotationBody } from './bodies.js';

export type KeyParts = {
  readonly listKeys: () => Promise<readonly KeyInfo[]>;
  readonly rotateSigningKeys: RotateSigningKeys;
  readonly revokeSigningKeys: RevokeSigningKeys;
};

export function addKeyRoutes(
  router: Router<RequestState>,
  parts: KeyParts,
  shared: {
    readonly json: AppMiddleware;
    readonly administratorOf: (ctx: AppContext, scope: AdminScope) => Promise<Administrator>;
  },
): void {
  router.get('/keys', async (ctx) => {
    await shared.administratorOf(ctx, 'keys:read');
    ctx.body = { data: (await parts.listKeys()).map(present), nextCursor: null };
  });

  router.post('/keys/rotations', shared.json, async (ctx) => {
    const administrator = await shared.administratorOf(ctx, 'keys:rotate');
    const { emergency, kid, reason = '' } = parseBody(ctx, keyRotationBody);
    const origin = originOf(ctx);
    if (emergency) {
      const result = await parts.revokeSigningKeys({ administrator, kid, reason, origin });
      if (result.kind === 'not-found') throw new AppError('not_found');
      if (result.kind === 'forbidden') throw new AppError('forbidden');
      ctx.body = { revoked: result.revoked, published: result.added, underWay: false };
      return;
    }
    const result = await parts.rotateSigningKeys({ administrator, origin });
    if (result.kind === 'forbidden') throw new AppError('forbidden');
    const underWay = result.kind === 'under-way';
    ctx.body = { revoked: [], published: result.kids, underWay };
  });
}

/** Nothing of the key itself: the JWKS is where public halves are read. */
function present(key: KeyInfo): object {
  return {
    kid: key.kid,
    alg: key.alg,
    state: key.state,
    createdAt: key.createdAt.toISOString(),
    signsFrom: key.activeFrom.toISOString(),
    publishedUntil: key.publishedUntil?.toISOString() ?? null,
    revokedAt: key.revokedAt?.toISOString() ?? null,
  };
}
