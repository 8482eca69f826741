/** Reads the forms of our own pages, and nothing else. */
import bodyParser from '@koa/bodyparser';
import { FORM_LIMIT } from './middleware/limits.js';

export function readForm() {
  return bodyParser({
    enableTypes: ['form'],
    formLimit: FORM_LIMIT,
    encoding: 'utf-8',
    onError: (error) => {
      throw error;
    },
  });
}
