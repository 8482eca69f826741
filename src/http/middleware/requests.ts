/** Gives every request an id, and tells log and metrics how it went. */
import { randomUUID } from 'node:crypto';
import type { AppMiddleware } from '../context.js';

export type RequestObserver = (seen: {
  readonly requestId: string;
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}) => void;

/** The id is ours alone: a caller's would let it write into our logs (CWE-117). */
export function observeRequests(observe: RequestObserver): AppMiddleware {
  return async (ctx, next) => {
    const started = process.hrtime.bigint();
    const requestId = randomUUID();
    ctx.state.requestId = requestId;
    ctx.state.route = 'unmatched';
    ctx.set('X-Request-Id', requestId);
    ctx.res.once('close', () => {
      observe({
        requestId,
        method: ctx.method,
        route: ctx.state.route,
        status: ctx.res.statusCode,
        seconds: Number(process.hrtime.bigint() - started) / 1e9,
      });
    });
    await next();
  };
}
