/**
 * The pages with what waits for the owner's approval. To approve takes a fresh log-in, as strong
 * as was asked for; to refuse takes nothing but being signed in.
 */
import type { ApprovalAnswer, ManageApprovals } from '../../flows/account/approvals.js';
import { accountApprovalQuestionPage, accountApprovalsPage } from '../views.js';
import type { Call, Desk } from './desk.js';
import type { Notice } from './notices.js';

const LIST = '/account/approvals';
const idOf = ({ ctx }: Call): string => String(ctx.params.id);

export function approvalPages(desk: Desk, approvals: ManageApprovals): void {
  const give = async (call: Call, answer: ApprovalAnswer, notice: Notice): Promise<void> => {
    const done = await approvals.answer(call.owner, call.visitor, idOf(call), answer);
    // The page asks for what is missing.
    if (done === 'unproven') return call.goTo(`${LIST}/${idOf(call)}`, 'again');
    return call.goTo(LIST, done === 'done' ? notice : 'nothing-left');
  };

  desk.page('/approvals', { fresh: false }, async (call) => {
    const all = await approvals.list(call.owner);
    call.ctx.body = accountApprovalsPage({ ...call.frame('applications'), approvals: all });
  });

  desk.page('/approvals/:id', { fresh: true }, async (call) => {
    const all = await approvals.list(call.owner);
    const approval = all.find(({ id }) => id === idOf(call));
    if (!approval) return call.goTo(LIST, 'nothing-left');
    if (approval.missing) return call.prove(call.ctx.path, approval.missing);
    call.ctx.body = accountApprovalQuestionPage({ ...call.frame('applications'), approval });
  });
  desk.form('/approvals/:id', { fresh: true, on: `${LIST}/:id` }, (call) =>
    give(call, 'approve', 'approval-given'),
  );
  desk.form('/approvals/:id/refuse', { fresh: false, on: LIST }, (call) =>
    give(call, 'refuse', 'approval-refused'),
  );
  desk.form('/approvals/:id/stop', { fresh: false, on: LIST }, (call) =>
    give(call, 'stop', 'approvals-stopped'),
  );
}
