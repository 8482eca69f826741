/** The pages on which somebody moves the account to another e-mail address. */
import type { ChangeEmail } from '../../flows/account/change-email.js';
import { clockTime } from '../views/when.js';
import { accountEmailCodePage, accountEmailPage, type EmailFormProblem } from '../views.js';
import type { Call, Desk } from './desk.js';

const PATH = '/account/email';
const CODE = `${PATH}/code`;
const LONGEST = 254;

export function emailPages(desk: Desk, changeEmail: ChangeEmail): void {
  const show = (call: Call, problem?: EmailFormProblem, email = ''): void => {
    call.ctx.type = 'html';
    call.ctx.body = accountEmailPage({ ...call.frame('email'), action: PATH, email, problem });
  };

  desk.page('/email', { fresh: true }, (call) => show(call));

  desk.form('/email', { fresh: true, on: PATH }, async (call) => {
    const email = call.field('email').slice(0, LONGEST);
    const result = await changeEmail.request(call.owner, call.visitor, email);
    switch (result.kind) {
      case 'sent':
        return call.goTo(CODE);
      case 'refused':
        call.ctx.status = 422;
        return show(call, { kind: result.problem }, email);
      case 'limited': {
        const { by, retryAfterSeconds } = result;
        call.ctx.status = 429;
        call.ctx.set('Retry-After', String(retryAfterSeconds));
        return show(call, { kind: 'limited', by, opensAt: clockTime(retryAfterSeconds) }, email);
      }
    }
  });

  const showCode = (call: Call, email: string, problem?: 'wrong-code'): void => {
    call.ctx.type = 'html';
    call.ctx.body = accountEmailCodePage({
      ...call.frame('email'),
      action: CODE,
      againHref: PATH,
      email,
      problem,
    });
  };

  desk.page('/email/code', { fresh: false }, async (call) => {
    const email = await changeEmail.waiting(call.owner);
    return email === undefined ? call.goTo(PATH) : showCode(call, email);
  });

  // What a code does rests on a proof as fresh as that of the form before it.
  desk.form('/email/code', { fresh: true, on: CODE }, async (call) => {
    const { owner, visitor } = call;
    const result = await changeEmail.confirm(owner, visitor, call.field('code').slice(0, 32));
    switch (result.kind) {
      case 'changed':
        // Every token from before is dead, this page's own too; the session gives a new one.
        return call.renew(PATH, 'email-changed');
      case 'overtaken':
        return call.goTo(PATH, 'changed-meanwhile');
      case 'wrong-code': {
        const email = await changeEmail.waiting(owner);
        if (email === undefined) break;
        call.ctx.status = 422;
        return showCode(call, email, 'wrong-code');
      }
      case 'taken':
        call.ctx.status = 409;
        return show(call, { kind: 'taken' });
      case 'gone':
        break;
    }
    // The page was good and never will be again (RFC 9110 section 15.5.11).
    call.ctx.status = 410;
    return show(call, { kind: 'gone' });
  });
}
