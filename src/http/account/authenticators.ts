/** The pages of the second step: setting an app up, moving, doing without, recovery codes. */
import type { ManagePasskeys } from '../../flows/account/passkeys.js';
import type { ManageSecondFactor } from '../../flows/account/second-factor.js';
import {
  accountAppPage,
  accountCodesPage,
  accountSecondStepPage,
  accountSecondStepQuestionPage,
} from '../views.js';
import type { Call, Desk } from './desk.js';

const HOME = '/account/authenticators';
const APP = `${HOME}/app`;
const REMOVE = `${HOME}/remove`;
const CODES = '/account/recovery-codes';
const NEW_CODES = `${CODES}/new`;
const FRESH = { fresh: true } as const;

export function authenticatorPages(
  desk: Desk,
  parts: {
    readonly secondFactor: ManageSecondFactor;
    readonly managePasskeys: ManagePasskeys;
    readonly host: string;
  },
): void {
  const { secondFactor, host } = parts;

  const showApp = async (call: Call, problem?: 'wrong-code'): Promise<void> => {
    const shown = await secondFactor.enrolment(call.owner);
    if (shown === 'codes-waiting') return call.goTo(CODES);
    // Too many wrong codes under this sign-in: another token, another try.
    if (shown === 'void') return call.renew(APP, 'key-expired');
    call.ctx.type = 'html';
    call.ctx.body = accountAppPage({
      ...call.frame('second-step'),
      ...shown,
      action: APP,
      replaces: call.owner.hasSecondFactor,
      problem,
    });
  };

  const showCodes = async (call: Call, problem?: 'not-saved'): Promise<void> => {
    const codes = await secondFactor.waitingCodes(call.owner);
    if (!codes) return call.goTo(HOME);
    call.ctx.type = 'html';
    call.ctx.body = accountCodesPage({
      ...call.frame('second-step'),
      action: CODES,
      codes,
      host,
      problem,
    });
  };

  desk.page('/authenticators', { fresh: false }, async (call) => {
    const state = await secondFactor.look(call.owner);
    const passkeys = await parts.managePasskeys.list(call.owner);
    call.ctx.body = accountSecondStepPage({ ...call.frame('second-step'), ...state, passkeys });
  });

  desk.page('/authenticators/app', FRESH, (call) => showApp(call));
  desk.form('/authenticators/app', { ...FRESH, on: APP }, async (call) => {
    const code = call.field('code').slice(0, 32);
    switch (await secondFactor.confirmEnrolment(call.owner, call.visitor, code)) {
      case 'confirmed':
        return call.goTo(CODES, 'app-added');
      case 'wrong-code':
        call.ctx.status = 422;
        return showApp(call, 'wrong-code');
      case 'void':
        return call.renew(APP, 'key-expired');
      case 'overtaken':
        return call.goTo(HOME, 'changed-meanwhile');
    }
  });

  // The codes are there because their owner has just proven who they are; asking again could
  // only keep them from being seen.
  desk.page('/recovery-codes', { fresh: false }, (call) => showCodes(call));
  desk.form('/recovery-codes', { fresh: false, on: CODES }, async (call) => {
    if (call.field('saved') !== 'yes') {
      call.ctx.status = 422;
      return showCodes(call, 'not-saved');
    }
    await secondFactor.acknowledgeCodes(call.owner);
    return call.goTo(HOME, 'codes-kept');
  });

  desk.page('/recovery-codes/new', FRESH, async (call) => {
    const { since, codesLeft } = await secondFactor.look(call.owner);
    if (!since) return call.goTo(HOME);
    call.ctx.body = accountSecondStepQuestionPage({
      ...call.frame('second-step'),
      action: NEW_CODES,
      question: 'new-codes',
      codesLeft,
    });
  });
  desk.form('/recovery-codes/new', { ...FRESH, on: NEW_CODES }, async (call) => {
    const done = await secondFactor.replaceCodes(call.owner, call.visitor);
    if (done === 'replaced') return call.goTo(CODES);
    return call.goTo(HOME, 'changed-meanwhile');
  });

  desk.page('/authenticators/remove', FRESH, async (call) => {
    const { since, required, codesLeft } = await secondFactor.look(call.owner);
    if (!since || required) return call.goTo(HOME);
    call.ctx.body = accountSecondStepQuestionPage({
      ...call.frame('second-step'),
      action: REMOVE,
      question: 'remove-app',
      codesLeft,
    });
  });
  desk.form('/authenticators/remove', { ...FRESH, on: REMOVE }, async (call) => {
    switch (await secondFactor.remove(call.owner, call.visitor)) {
      case 'removed':
        return call.goTo(HOME, 'app-removed');
      case 'no-app':
        return call.goTo(HOME, 'nothing-left');
      // The page says why.
      case 'required':
        return call.goTo(HOME);
      case 'overtaken':
        return call.goTo(HOME, 'changed-meanwhile');
    }
  });
}
