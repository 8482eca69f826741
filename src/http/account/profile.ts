/** What an owner says of themself, taking it along, and leaving. */
import {
  LONGEST_NAME,
  type ProfileFault,
  type ProfileInput,
  profileFields,
} from '../../domain/identity/index.js';
import type { CloseAccount } from '../../flows/account/close.js';
import type { ExportData } from '../../flows/account/export.js';
import type { ManageProfile, SaveProfileResult } from '../../flows/account/profile.js';
import { AppError } from '../../kernel/errors.js';
import { followLanguage, pageOf } from '../language.js';
import { formField } from '../middleware/form-guard.js';
import {
  accountClosePage,
  accountExportPage,
  accountFarewellPage,
  accountPhonePage,
  accountProfilePage,
} from '../views.js';
import type { Call, Desk } from './desk.js';

const PROFILE = '/account/profile';
const PHONE = `${PROFILE}/phone`;
const EXPORT = '/account/export';
const CLOSE = '/account/close';
export const FAREWELL = '/account/closed';
const FRESH = { fresh: true } as const;
/** Longer than any value that is taken, so that what is shown again is what was typed. */
const KEPT = 400;

export type ProfileParts = {
  readonly issuer: string;
  readonly manageProfile: ManageProfile;
  readonly exportData: ExportData;
  readonly closeAccount: CloseAccount;
};

/** What was typed, of the fields that the form had. */
function typedIn({ ctx }: Call): ProfileInput {
  const given = profileFields.flatMap((field) => {
    const typed = formField(ctx, field);
    return typed === undefined ? [] : [[field, typed] as const];
  });
  return Object.fromEntries(given);
}

export function profilePages(desk: Desk, parts: ProfileParts): void {
  const { manageProfile } = parts;

  const show = async (
    call: Call,
    typed: ProfileInput = {},
    faults: readonly ProfileFault[] = [],
  ): Promise<void> => {
    const fields = await manageProfile.look(call.owner);
    call.ctx.type = 'html';
    call.ctx.body = accountProfilePage({
      ...call.frame('profile'),
      action: PROFILE,
      longest: LONGEST_NAME,
      email: call.owner.email,
      fields: fields.map((row) => {
        const value = row.editable ? (typed[row.field]?.slice(0, KEPT) ?? row.value) : row.value;
        return { ...row, value, fault: faults.find(({ field }) => field === row.field)?.code };
      }),
    });
  };

  const showPhone = async (call: Call, typed?: string, fault?: ProfileFault): Promise<void> => {
    const fields = await manageProfile.look(call.owner);
    const row = fields.find(({ field }) => field === 'phone');
    // The list says that it stays as it is.
    if (!row?.editable) return call.goTo(PROFILE);
    call.ctx.type = 'html';
    call.ctx.body = accountPhonePage({
      ...call.frame('profile'),
      action: PHONE,
      phone: typed?.slice(0, KEPT) ?? row.value,
      fault: fault?.code,
    });
  };

  const answer = (
    call: Call,
    result: Exclude<SaveProfileResult, { kind: 'refused' }>,
    here: string,
  ): void => {
    if (result.kind === 'not-editable') {
      const detail = 'This part of your profile cannot be changed here';
      throw new AppError('forbidden', { detail });
    }
    if (result.kind === 'overtaken') call.goTo(here, 'changed-meanwhile');
    else call.goTo(PROFILE, result.kind === 'saved' ? 'profile-saved' : undefined);
  };

  desk.page('/profile', { fresh: false }, (call) => show(call));
  desk.form('/profile', { fresh: false, on: PROFILE }, async (call) => {
    const typed = typedIn(call);
    const result = await manageProfile.save(call.owner, call.visitor, typed);
    // Who chooses a language here means it more than what was chosen at the foot of some page.
    if (result.kind === 'saved' && result.changed.includes('locale')) {
      followLanguage(call.ctx, parts.issuer, typed.locale);
    }
    if (result.kind !== 'refused') return answer(call, result, PROFILE);
    call.ctx.status = 422;
    return show(call, typed, result.faults);
  });

  desk.page('/profile/phone', FRESH, (call) => showPhone(call));
  desk.form('/profile/phone', { ...FRESH, on: PHONE }, async (call) => {
    const typed = call.field('phone');
    const result = await manageProfile.savePhone(call.owner, call.visitor, typed);
    if (result.kind !== 'refused') return answer(call, result, PHONE);
    call.ctx.status = 422;
    return showPhone(call, typed, result.faults[0]);
  });

  desk.page('/export', FRESH, (call) => {
    call.ctx.body = accountExportPage({ ...call.frame('profile'), action: EXPORT });
  });
  desk.form('/export', { ...FRESH, on: EXPORT }, async (call) => {
    const data = await parts.exportData(call.owner, call.visitor);
    if (!data) return call.goTo(PROFILE, 'changed-meanwhile');
    call.ctx.type = 'application/json';
    call.ctx.attachment('my-account.json');
    call.ctx.body = `${JSON.stringify(data, null, 2)}\n`;
  });
}

export function closingPages(desk: Desk, { closeAccount }: ProfileParts): void {
  const ask = (call: Call, problem?: 'not-confirmed' | 'address-moved'): void => {
    call.ctx.type = 'html';
    call.ctx.body = accountClosePage({
      ...call.frame('profile'),
      action: CLOSE,
      staff: call.owner.kind === 'staff',
      typed: problem ? call.field('email').slice(0, KEPT) : '',
      problem,
    });
  };

  desk.page('/close', FRESH, (call) => ask(call));
  desk.form('/close', { ...FRESH, on: CLOSE }, async (call) => {
    switch (await closeAccount(call.owner, call.visitor, call.field('email'))) {
      case 'closed':
        return call.leave(FAREWELL);
      case 'not-confirmed':
        call.ctx.status = 422;
        return ask(call, 'not-confirmed');
      case 'address-moved':
        call.ctx.status = 409;
        return ask(call, 'address-moved');
      case 'staff':
        call.ctx.status = 403;
        return ask(call);
      case 'overtaken':
        return call.goTo(CLOSE, 'changed-meanwhile');
    }
  });

  // Nobody is signed in any more who could be asked for; it tells nothing about anybody.
  desk.router.get(FAREWELL, (ctx) => {
    ctx.type = 'html';
    ctx.body = accountFarewellPage(pageOf(ctx));
  });
}
