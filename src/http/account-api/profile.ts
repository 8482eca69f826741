/** Operations on what owners say of themselves, what happened to the account, and leaving. */
import { z } from 'zod';
import { type ProfileFault, profileFields } from '../../domain/identity/index.js';
import type { ReadActivity } from '../../flows/account/activity.js';
import { activityKinds } from '../../flows/account/activity-kinds.js';
import type { Caller } from '../../flows/account/caller.js';
import type { CloseAccount } from '../../flows/account/close.js';
import type { ManageProfile, SaveProfileResult } from '../../flows/account/profile.js';
import { AppError } from '../../kernel/errors.js';
import { type Operation, operation } from './operation.js';
import { badField, conflict, conflicts } from './refusals.js';
import { moment, when } from './shapes.js';

export type ProfileParts = {
  readonly manageProfile: ManageProfile;
  readonly readActivity: ReadActivity;
  readonly closeAccount: CloseAccount;
};

const profile = z.strictObject({
  fields: z
    .array(
      z.strictObject({
        field: z.enum(profileFields),
        value: z.string().describe('Empty when its owner is without'),
        editable: z.boolean(),
      }),
    )
    .describe('Those that the owner lets the client know, by the scopes `profile` and `phone`'),
});

const text = z.string().optional();
const changes = z.strictObject({ name: text, given_name: text, family_name: text, locale: text });
const phone = z.strictObject({ phone: z.string().describe('With its country code, or empty') });

const activity = z.strictObject({
  entries: z.array(
    z.strictObject({
      kind: z.enum(activityKinds),
      at: moment,
      application: z.string().nullable(),
      device: z.string().nullable(),
      network: z.string().nullable(),
    }),
  ),
  older: z.string().nullable().describe('For `before`, to read on; null when that is all'),
});

const words: Readonly<Record<ProfileFault['code'], string>> = {
  'too-long': 'This is too long',
  'not-plain': 'This has characters in it that cannot be shown',
  'not-a-number': 'This is not a phone number with its country code',
  'not-a-language': 'This is not one of the languages here',
};

function orRefused(result: SaveProfileResult): void {
  switch (result.kind) {
    case 'saved':
    case 'unchanged':
      return;
    case 'refused':
      throw new AppError('validation_failed', {
        fields: result.faults.map(({ field, code }) => {
          return { pointer: `/${field}`, code, message: words[code] };
        }),
      });
    case 'not-editable':
      throw new AppError('forbidden', { detail: 'The operator does not let shoppers change this' });
    case 'overtaken':
      throw conflict('overtaken');
  }
}

export function profileOperations(parts: ProfileParts): readonly Operation[] {
  const { manageProfile, readActivity, closeAccount } = parts;

  const shown = async ({ owner, identity }: Caller) => ({
    fields: (await manageProfile.look(owner)).filter(({ field }) =>
      identity.has(field === 'phone' ? 'phone' : 'profile'),
    ),
  });
  const saving = { scope: 'account:write', refusals: { 409: conflicts('overtaken') } } as const;

  return [
    operation({
      method: 'get',
      path: '/profile',
      id: 'getProfile',
      summary: 'What the owner says of themself',
      scope: 'account:read',
      fresh: false,
      answer: { description: 'The fields there are', shape: profile },
      work: ({ caller }) => shown(caller),
    }),
    operation({
      ...saving,
      method: 'patch',
      path: '/profile',
      id: 'changeProfile',
      summary: 'Change what is named; what is empty is taken away',
      fresh: false,
      body: changes,
      answer: { description: 'The fields as they are now', shape: profile },
      async work({ owner, caller, visitor, body }) {
        const named = Object.entries(body).filter(([, value]) => value !== undefined);
        orRefused(await manageProfile.save(owner, visitor, Object.fromEntries(named)));
        return shown(caller);
      },
    }),
    operation({
      ...saving,
      method: 'patch',
      path: '/profile/phone',
      id: 'changePhone',
      summary: 'Change the phone number, or take it away',
      fresh: true,
      body: phone,
      answer: { description: 'The fields as they are now', shape: profile },
      async work({ owner, caller, visitor, body }) {
        orRefused(await manageProfile.savePhone(owner, visitor, body.phone));
        return shown(caller);
      },
    }),
    operation({
      method: 'get',
      path: '/activity',
      id: 'listActivity',
      summary: 'What happened to the account lately, the newest first',
      scope: 'account:read',
      fresh: false,
      query: { before: 'The `older` of the page before' },
      answer: { description: 'Up to twenty of them', shape: activity },
      async work({ owner, query }) {
        const { entries, older } = await readActivity.page(owner, query('before'));
        return {
          entries: entries.map(({ kind, at, application, device, network }) => ({
            kind,
            at: when(at),
            application: application ?? null,
            device: device ?? null,
            network: network ?? null,
          })),
          older: older ?? null,
        };
      },
    }),
    operation({
      method: 'post',
      path: '/closure',
      id: 'closeAccount',
      summary: 'Close the account, for good; this token ends with everything else',
      scope: 'account:write',
      fresh: true,
      body: z.strictObject({ email: z.string().describe('The account’s address, typed again') }),
      refusals: { 409: conflicts('staff', 'overtaken', 'address_moved') },
      async work({ owner, visitor, body }) {
        switch (await closeAccount(owner, visitor, body.email)) {
          case 'closed':
            return;
          case 'not-confirmed':
            throw badField('/email', 'wrong', 'This is not the address of this account');
          case 'address-moved':
            throw conflict('address_moved');
          case 'staff':
            throw conflict('staff');
          case 'overtaken':
            throw conflict('overtaken');
        }
      },
    }),
  ];
}
