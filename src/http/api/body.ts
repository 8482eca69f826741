/** JSON bodies of the two APIs: read within a limit, and checked strictly. */
import bodyParser from '@koa/bodyparser';
import type { z } from 'zod';
import { AppError } from '../../kernel/errors.js';
import type { AppContext } from '../context.js';

/** Reads a JSON document; one that is broken is 400, one that is too long 413. */
export function readJson(limit: number) {
  return bodyParser({
    enableTypes: ['json'],
    jsonLimit: limit,
    jsonStrict: true,
    onError: (error) => {
      throw (error as { status?: number }).status === 413
        ? error
        : new AppError('invalid_request', { detail: 'The body is not valid JSON', cause: error });
    },
  });
}

/** What was read, if it has this shape; else `validation_failed` with a pointer to each fault. */
export function parseBody<T>(ctx: AppContext, shape: z.ZodType<T>): T {
  const parsed = shape.safeParse(ctx.request.body ?? {});
  if (parsed.success) return parsed.data;
  throw new AppError('validation_failed', {
    fields: parsed.error.issues.flatMap((issue) => {
      const at = (path: readonly PropertyKey[]) => path.map((part) => `/${String(part)}`).join('');
      return issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({
            pointer: at([...issue.path, key]),
            message: 'This field is not known here',
          }))
        : [{ pointer: at(issue.path), message: issue.message }];
    }),
  });
}
