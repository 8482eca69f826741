/**
 * Operations on passkeys. Adding one is not among them: a passkey is made for the host name of
 * the page that asks (WebAuthn level 3, section 5.1.3), and that has to be this server's own.
 */
import { z } from 'zod';
import type { ListedPasskey, ManagePasskeys } from '../../flows/account/passkeys.js';
import { AppError } from '../../kernel/errors.js';
import { type Operation, operation } from './operation.js';
import { conflict, conflicts } from './refusals.js';
import { moment, when } from './shapes.js';

const passkey = z.strictObject({
  id: z.string(),
  name: z.string(),
  createdAt: moment,
  lastUsedAt: moment.nullable(),
  needed: z.boolean().describe('It is the only second factor of somebody who needs one'),
});

const list = z.strictObject({
  passkeys: z.array(passkey),
  addAt: z.url().describe('The page on which the owner can add one'),
});

const renaming = z.strictObject({ name: z.string().trim().min(1).max(60) });

const present = ({ id, name, createdAt, lastUsedAt, needed }: ListedPasskey) => ({
  id,
  name,
  createdAt: when(createdAt),
  lastUsedAt: when(lastUsedAt),
  needed,
});

const PATH = '/passkeys/{id}';
const change = {
  scope: 'account:write',
  fresh: true,
  refusals: { 404: 'There is no such passkey, or it is somebody else’s' },
} as const;

export function passkeyOperations(passkeys: ManagePasskeys, issuer: string): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/passkeys',
      id: 'listPasskeys',
      summary: 'The passkeys that open the account',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'All of them', shape: list },
      work: async ({ owner }) => ({
        passkeys: (await passkeys.list(owner)).map(present),
        addAt: `${issuer}/account/authenticators/passkeys/new`,
      }),
    }),
    operation({
      ...change,
      method: 'patch',
      path: PATH,
      id: 'renamePasskey',
      summary: 'Give a passkey another name',
      body: renaming,
      answer: { description: 'The passkey under its new name', shape: passkey },
      refusals: { ...change.refusals, 409: conflicts('overtaken') },
      async work({ owner, visitor, id, body }) {
        const done = await passkeys.rename(owner, visitor, { id, name: body.name });
        if (done === 'overtaken') throw conflict('overtaken');
        const found = done === 'renamed' ? await passkeys.find(owner, id) : undefined;
        if (!found) throw new AppError('not_found');
        return present(found);
      },
    }),
    operation({
      ...change,
      method: 'delete',
      path: PATH,
      id: 'removePasskey',
      summary: 'Take a passkey away',
      refusals: { ...change.refusals, 409: conflicts('required', 'overtaken') },
      async work({ owner, visitor, id }) {
        switch (await passkeys.remove(owner, visitor, id)) {
          case 'removed':
            return;
          case 'gone':
            throw new AppError('not_found');
          case 'needed':
            throw conflict('required');
          case 'overtaken':
            throw conflict('overtaken');
        }
      },
    }),
  ];
}
