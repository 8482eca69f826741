/** Operations on the e-mail address: wanting another one, and proving it. */
import { z } from 'zod';
import type { ChangeEmail } from '../../flows/account/change-email.js';
import { AppError } from '../../kernel/errors.js';
import { type Operation, operation } from './operation.js';
import { badField, conflict, conflicts } from './refusals.js';

export type AddressParts = { readonly changeEmail: ChangeEmail };

export function addressOperations({ changeEmail }: AddressParts): readonly Operation[] {
  return [
    operation({
      method: 'post',
      path: '/email',
      id: 'requestEmail',
      summary: 'Have a code sent to another address; the answer never tells whose it is',
      scope: 'account:write',
      fresh: true,
      body: z.strictObject({ email: z.string() }),
      refusals: { 429: 'Too many letters, of this account or of its network' },
      async work({ owner, visitor, body }) {
        const result = await changeEmail.request(owner, visitor, body.email);
        if (result.kind === 'limited') {
          throw new AppError('too_many_tries', { retryAfterSeconds: result.retryAfterSeconds });
        }
        if (result.kind === 'sent') return;
        throw result.problem === 'same'
          ? badField('/email', 'same', 'The account has this address already')
          : badField('/email', 'malformed', 'This is not an e-mail address');
      },
    }),
    operation({
      method: 'post',
      path: '/email/confirmation',
      id: 'confirmEmail',
      summary: 'Change the address with the code from the letter; everything but this session ends',
      scope: 'account:write',
      fresh: true,
      body: z.strictObject({ code: z.string().max(32) }),
      refusals: { 409: conflicts('overtaken', 'code_gone', 'taken') },
      async work({ owner, visitor, body }) {
        const result = await changeEmail.confirm(owner, visitor, body.code);
        switch (result.kind) {
          case 'changed':
            return;
          case 'wrong-code':
            throw badField('/code', 'wrong', 'This is not the code of the newest letter');
          case 'gone':
            throw conflict('code_gone');
          case 'taken':
            throw conflict('taken');
          case 'overtaken':
            throw conflict('overtaken');
        }
      },
    }),
  ];
}
