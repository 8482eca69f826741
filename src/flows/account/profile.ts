/**
 * What an owner says of themself, as far as the operator lets shoppers say it. A phone number is
 * a way to reach somebody, and perhaps to pass for them one day: it takes a fresh proof, and its
 * owner is written to. Names are on parcels.
 */
import {
  type ProfileFault,
  type ProfileField,
  type ProfileInput,
  profileFields,
  profileValue,
  readProfile,
} from '../../domain/identity/index.js';
import type { Clock } from '../../kernel/clock.js';
import type { FlowParts } from '../domain.js';
import type { Visitor } from '../sign-in/index.js';
import type { Owner } from './owner.js';

export type OwnField = {
  readonly field: ProfileField;
  readonly value: string;
  /** Else it is shown as it is, if there is something to show. */
  readonly editable: boolean;
};

export type SaveProfileResult =
  | { readonly kind: 'saved'; readonly changed: readonly ProfileField[] }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly faults: readonly ProfileFault[] }
  /** A field that this form does not have, or that the operator keeps to themself. */
  | { readonly kind: 'not-editable' }
  /** Access was taken back while this was being looked at. */
  | { readonly kind: 'overtaken' };

export type ManageProfile = ReturnType<typeof createManageProfile>;

export function createManageProfile(
  parts: FlowParts & {
    readonly clock: Clock;
    /** What shoppers may change themselves. */
    readonly editable: readonly ProfileField[];
  },
) {
  const { domain, transact, clock } = parts;
  const editable = new Set<ProfileField>(parts.editable);
  const withoutPhone = new Set([...editable].filter((field) => field !== 'phone'));

  async function save(
    owner: Owner,
    visitor: Visitor,
    input: ProfileInput,
    allowed: ReadonlySet<ProfileField>,
  ): Promise<SaveProfileResult> {
    const posted = profileFields.filter((field) => input[field] !== undefined);
    if (posted.some((field) => !allowed.has(field))) return { kind: 'not-editable' };
    const read = readProfile(input);
    if (read.kind === 'refused') return read;
    const { accountId } = owner;

    return transact(async ({ identity, audit, mail }): Promise<SaveProfileResult> => {
      let phones: PhoneChange = 'changed';
      const changed = await identity.changeProfile(accountId, owner.securityEpoch, (profile) => {
        const next = read.apply(profile);
        phones = phoneChange(profileValue(profile, 'phone'), profileValue(next.profile, 'phone'));
        return next;
      });
      if (!changed) return { kind: 'overtaken' };
      if (changed.length === 0) return { kind: 'unchanged' };
      await audit.record({
        event: 'profile_changed',
        result: 'success',
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        origin: visitor.origin,
        // Which, never what.
        details: { fields: changed.join(' ') },
      });
      if (changed.includes('phone')) {
        const device = visitor.deviceLabel;
        await mail.enqueue({
          kind: 'phone_changed',
          change: phones,
          accountId,
          at: clock.now(),
          device,
        });
      }
      return { kind: 'saved', changed };
    });
  }

  return {
    /** The fields to show, in the order of the list. */
    async look({ accountId }: Owner): Promise<readonly OwnField[]> {
      const profile = (await domain.identity.findPerson(accountId))?.profile ?? {};
      return profileFields
        .map((field) => {
          return { field, value: profileValue(profile, field), editable: editable.has(field) };
        })
        .filter((row) => row.editable || row.value !== '');
    },

    /** Everything but the phone number. */
    save: (owner: Owner, visitor: Visitor, input: ProfileInput): Promise<SaveProfileResult> =>
      save(owner, visitor, input, withoutPhone),

    /** Call it for somebody who has just proven who they are. */
    savePhone: (owner: Owner, visitor: Visitor, phone: string): Promise<SaveProfileResult> =>
      save(owner, visitor, { phone }, editable),
  };
}

type PhoneChange = 'added' | 'changed' | 'removed';

const phoneChange = (before: string, after: string): PhoneChange =>
  before === '' ? 'added' : after === '' ? 'removed' : 'changed';
