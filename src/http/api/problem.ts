/** What the two APIs answer when something is wrong: problem details (RFC 9457). */
import type { AppError } from '../../kernel/errors.js';
import type { AppContext } from '../context.js';

const APIS = ['/admin/api/', '/account/api/'];

/** Whether programs ask here: they are never answered with a page. */
export function isApi(path: string): boolean {
  return APIS.some((prefix) => path.startsWith(prefix));
}

/** Writes the problem document; the status is set already. */
export function presentProblem(ctx: AppContext, error: AppError): void {
  ctx.body = {
    type: 'about:blank',
    title: error.row.title,
    status: ctx.status,
    code: error.code,
    ...(error.reason ? { reason: error.reason } : {}),
    ...(error.detail ? { detail: error.detail } : {}),
    requestId: ctx.state.requestId,
    ...(error.fields.length > 0 ? { errors: error.fields } : {}),
  };
  ctx.type = 'application/problem+json';
}
