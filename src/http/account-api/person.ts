/** Operations on the person: who it is, and the password. */
import { z } from 'zod';
import { maskEmail } from '../../domain/identity/index.js';
import type { ChangePassword } from '../../flows/account/change-password.js';
import type { LookOver } from '../../flows/account/overview.js';
import { AppError } from '../../kernel/errors.js';
import { faultSentences } from '../views/password-faults.js';
import { type Operation, operation } from './operation.js';
import { badField, conflict, conflicts } from './refusals.js';
import { moment, when } from './shapes.js';

export type PersonParts = {
  readonly lookOver: LookOver;
  readonly changePassword: ChangePassword;
};

const me = z.strictObject({
  id: z.string().describe('The `sub` of ID tokens'),
  kind: z.enum(['shopper', 'staff']),
  email: z.string().describe('Whole if the owner lets the client have the scope `email`'),
  emailVerified: z.boolean(),
  name: z.string().nullable().describe('Null without the scope `profile`, and without a name'),
  createdAt: moment,
  passwordChangedAt: moment.nullable(),
  secondFactor: z.strictObject({
    since: moment.nullable().describe('Null when there is no authenticator app'),
    required: z.boolean(),
    recoveryCodesLeft: z.int().min(0),
  }),
  passkeys: z.int().min(0),
  devices: z.int().min(0),
});

const password = z.strictObject({ currentPassword: z.string(), newPassword: z.string() });

export function personOperations({ lookOver, changePassword }: PersonParts): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/me',
      id: 'getMe',
      summary: 'Who this is, and how the account is kept safe',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'The account at a glance', shape: me },
      async work({ owner, caller }) {
        const seen = await lookOver(owner);
        const { identity } = caller;
        return {
          id: owner.accountId,
          kind: owner.kind,
          email: identity.has('email') ? owner.email : maskEmail(owner.email),
          emailVerified: owner.emailVerified,
          name: (identity.has('profile') && owner.name) || null,
          createdAt: when(owner.createdAt),
          passwordChangedAt: when(seen.passwordChangedAt),
          secondFactor: {
            since: when(seen.secondFactorSince),
            required: owner.kind === 'staff',
            recoveryCodesLeft: seen.recoveryCodesLeft,
          },
          passkeys: seen.passkeys,
          devices: seen.devices,
        };
      },
    }),
    operation({
      method: 'post',
      path: '/password',
      id: 'changePassword',
      summary: 'Change the password; everything but this session ends, this token too',
      scope: 'account:write',
      fresh: true,
      body: password,
      refusals: {
        409: conflicts('overtaken'),
        429: 'Too many wrong passwords, here or at the log-in; try again after Retry-After',
      },
      async work({ owner, visitor, body }) {
        const { currentPassword: current, newPassword: next } = body;
        const result = await changePassword({ owner, visitor, current, next });
        switch (result.kind) {
          case 'changed':
            return;
          case 'wrong-password':
            throw badField('/currentPassword', 'wrong', 'This is not the current password');
          case 'refused':
            throw new AppError('validation_failed', {
              fields: result.faults.map((fault) => ({
                pointer: '/newPassword',
                code: fault.code,
                message: faultSentences([fault], {}).join(''),
              })),
            });
          case 'locked':
            throw new AppError('too_many_tries', { retryAfterSeconds: result.retryAfterSeconds });
          case 'overtaken':
            throw conflict('overtaken');
        }
      },
    }),
  ];
}
