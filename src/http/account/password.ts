/** The page on which somebody changes the password. */
import type { ChangePassword } from '../../flows/account/change-password.js';
import type { LookOver } from '../../flows/account/overview.js';
import { AppError } from '../../kernel/errors.js';
import { accountPasswordPage, type PasswordFormProblem } from '../views.js';
import type { Call, Desk } from './desk.js';
import { ACCOUNT_HOME } from './return-to.js';

export type PasswordParts = {
  readonly changePassword: ChangePassword;
  readonly lookOver: LookOver;
  /** The least length of a new password, as configured. */
  readonly minLength: number;
};

const PATH = '/account/password';

export function passwordPages(desk: Desk, parts: PasswordParts): void {
  const show = async (call: Call, problem?: PasswordFormProblem): Promise<void> => {
    const { passwordChangedAt } = await parts.lookOver(call.owner);
    call.ctx.type = 'html';
    call.ctx.body = accountPasswordPage({
      ...call.frame('password'),
      action: PATH,
      minLength: parts.minLength,
      changedAt: passwordChangedAt,
      problem,
    });
  };

  const refuse = (call: Call, status: number, problem: PasswordFormProblem, wait?: number) => {
    call.ctx.status = status;
    if (wait !== undefined) call.ctx.set('Retry-After', String(wait));
    return show(call, problem);
  };

  desk.page('/password', { fresh: true }, (call) => show(call));

  desk.form('/password', { fresh: true, on: PATH }, async (call) => {
    const { owner, visitor } = call;
    try {
      const result = await parts.changePassword({
        owner,
        visitor,
        current: call.field('current_password'),
        next: call.field('new_password'),
      });
      switch (result.kind) {
        case 'changed':
          // Every token from before is dead, this page's own too; the session gives a new one.
          return await call.renew(ACCOUNT_HOME, 'password-changed');
        case 'overtaken':
          return call.goTo(PATH, 'changed-meanwhile');
        case 'wrong-password':
          return await refuse(call, 422, result);
        case 'refused':
          return await refuse(call, 422, result);
        case 'locked':
          return await refuse(call, 429, result, result.retryAfterSeconds);
      }
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'overloaded') throw error;
      await refuse(call, 503, { kind: 'overloaded' }, error.row.retryAfterSeconds);
    }
  });
}
