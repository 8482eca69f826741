/** Reads the forms of our own pages, and nothing else. */
import bodyParser from '@koa/bodyparser';
import { AppError } from '../kernel/errors.js';
import { FORM_LIMIT } from './middleware/limits.js';

export function readForm() {
  return bodyParser({
    enableTypes: ['form'],
    formLimit: FORM_LIMIT,
    encoding: 'utf-8',
    onError: refuseUnreadable,
  });
}

/** A body that is not in the encoding that its header says is the sender's mistake, not ours. */
export function refuseUnreadable(error: Error): never {
  // Those about its length and its type know their own status.
  if ('status' in error) throw error;
  throw new AppError('invalid_request', { detail: 'The body cannot be read', cause: error });
}
