/** Refuses oversized bodies by their announced length, before anything of them is read. */
import { AppError } from '../../kernel/errors.js';
import type { AppMiddleware } from '../context.js';

export const FORM_LIMIT = 56 * 1024;
export const ADMIN_LIMIT = 256 * 1024;

/** 56 KiB for forms and protocol requests, 256 KiB for the admin API; more is a 413. */
export function limitBodies(): AppMiddleware {
  return async (ctx, next) => {
    const limit = ctx.path.startsWith('/admin/api/') ? ADMIN_LIMIT : FORM_LIMIT;
    const announced = Number(ctx.req.headers['content-length'] ?? 0);
    if (announced > limit) {
      throw new AppError('payload_too_large', {
        detail: `The request body may have at most ${limit / 1024} KiB`,
      });
    }
    await next();
  };
}
