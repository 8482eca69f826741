/** Why an account cannot be created, for operators: they are spoken to in English. */
import type { AccountFault } from '../flows/create-account.js';

/** One sentence without a full stop. */
export function faultSentence(fault: AccountFault): string {
  switch (fault.code) {
    case 'not-an-address':
      return 'That is not an e-mail address';
    case 'not-staff':
      return 'Only staff carry roles';
    case 'too-short':
      return `The password must have at least ${fault.least} characters`;
    case 'too-long':
      return `The password must have at most ${fault.most} characters`;
    case 'common':
      return 'This password is one of the most common ones, so it is guessed first';
    case 'contains-context':
      return 'The password must not contain your name, your e-mail address or the name of the shop';
    case 'weak':
      return 'This password is too easy to guess; a few unrelated words are better';
    case 'reused':
      return 'You have used this password here before';
    case 'breached':
      return 'This password is known from a data leak elsewhere';
  }
}
