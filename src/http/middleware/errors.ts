/**
 * The one mapping from broken promises to the outside: a calm page for people, RFC 9457 problem
 * details for the two APIs, an OAuth error for protocol endpoints. Nothing else of an error
 * ever leaves: no stack, no SQL, no path, no version.
 */
import { AppError } from '../../kernel/errors.js';
import { wordsIn } from '../../words/index.js';
import { isApi, presentProblem } from '../api/problem.js';
import { type AppContext, type AppMiddleware, wantsPage } from '../context.js';
import { errorWords } from '../error-words.js';
import { pageOf } from '../language.js';
import { errorPage } from '../views.js';

export type ErrorObserver = (error: AppError, requestId: string) => void;

export function mapErrors(observe: ErrorObserver): AppMiddleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null)) {
        throw new AppError('not_found');
      }
    } catch (caught) {
      const error = toAppError(caught);
      observe(error, ctx.state.requestId);
      present(ctx, error);
    }
    if (ctx.status === 503) {
      // However it came about, it says when to come back (RFC 9110 section 10.2.3).
      if (!ctx.response.get('Retry-After')) ctx.set('Retry-After', '2');
      // Nothing happened: a cookie for what could not be stored would take the good one's place.
      ctx.remove('Set-Cookie');
      ctx.remove('Location');
    }
  };
}

/** Koa's own errors (a malformed body, a path that does not decode) carry a status. */
function toAppError(caught: unknown): AppError {
  if (caught instanceof AppError) return caught;
  const { status } = (caught ?? {}) as { status?: unknown };
  // The protocol host's word for an outage, thrown where it had nobody left to tell.
  if (status === 503) return new AppError('store_unavailable', { cause: caught });
  if (status === 413) return new AppError('payload_too_large', { cause: caught });
  if (status === 415) return new AppError('unsupported_media_type', { cause: caught });
  if (status === 400 || status === 422) return new AppError('invalid_request', { cause: caught });
  return new AppError('internal', { cause: caught });
}

function present(ctx: AppContext, error: AppError): void {
  const { status, title } = error.row;
  const { retryAfterSeconds } = error;
  ctx.status = status;
  if (retryAfterSeconds) ctx.set('Retry-After', String(retryAfterSeconds));
  // A body that was refused unread: the connection cannot be used again.
  if (status === 413) ctx.set('Connection', 'close');

  if (isApi(ctx.path)) {
    presentProblem(ctx, error);
  } else if (ctx.path.startsWith('/oauth2/') && !wantsPage(ctx)) {
    ctx.body = { error: oauthCode(status), error_description: error.detail ?? title };
  } else if (wantsPage(ctx)) {
    const words = wordsIn(ctx.state.language);
    const page = errorWords[error.code];
    ctx.type = 'html';
    ctx.body = errorPage({
      status,
      title: words.t(page.title),
      message: words.t(page.message),
      // Small print, in English: what exactly is wrong is of use to developers and operators.
      requestId: ctx.state.requestId + (error.detail ? ` (${error.detail})` : ''),
      ...pageOf(ctx),
      // Whoever gets here without a cookie of ours sees no form, not even one for the language.
      here: undefined,
    });
  } else {
    ctx.body = { error: error.code, error_description: error.detail ?? title };
  }
}

function oauthCode(status: number): string {
  if (status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}
