/** How the self-service API says that something cannot be done, the same words everywhere. */
import { AppError } from '../../kernel/errors.js';

const cases = {
  overtaken: 'The account was changed by somebody else at this moment; look again and repeat',
  codes_waiting: 'New recovery codes wait to be seen; acknowledge them first',
  not_begun: 'No app is being set up with this token, or no longer; begin again',
  tries_used_up: 'After five wrong codes this token sets nothing up; get another one',
  no_second_factor: 'There is no authenticator app to have recovery codes for',
  code_gone: 'There is no code to compare with any more; ask for another letter',
  taken: 'The address has become another account’s meanwhile',
  address_moved:
    'The e-mail address was changed less than 72 hours ago; until then the old one can undo it',
  staff: 'The account of staff is closed by their administrator',
  required: 'Staff cannot do without a second factor',
} as const;

/** A 409 whose `reason` names the case. */
export function conflict(reason: keyof typeof cases): AppError {
  return new AppError('conflict', { reason, detail: cases[reason] });
}

/** For the description: the cases of an operation's 409. */
export function conflicts(...reasons: readonly (keyof typeof cases)[]): string {
  return reasons.map((reason) => `\`${reason}\`: ${cases[reason]}`).join('. ');
}

/** A 422 for one field. */
export function badField(pointer: string, code: string, message: string): AppError {
  return new AppError('validation_failed', { fields: [{ pointer, code, message }] });
}

/** What is not there, and what is somebody else's, look the same. */
export function orNotFound(done: 'done' | 'gone'): void {
  if (done === 'gone') throw new AppError('not_found');
}
