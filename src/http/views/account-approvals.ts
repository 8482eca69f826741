/** The account pages with what waits for the owner's approval. */
import { ACCOUNT_AUDIENCE } from '../../domain/access/index.js';
import type { OwnApproval } from '../../flows/account/approvals.js';
import { formTarget, localPath } from '../links.js';
import { type AccountFrame, frameOf } from './account.js';
import { identityLabel } from './consent.js';
import { render } from './render.js';

/** The message is somebody else's words: quoted, and in a direction of their own. */
export type ApprovalRow = Omit<OwnApproval, 'clientId' | 'missing'>;

function approvalOf(approval: ApprovalRow) {
  const base = `/account/approvals/${encodeURIComponent(approval.id)}`;
  return {
    name: approval.clientName,
    message: approval.message,
    since: approval.since,
    until: approval.until,
    identity: approval.identity
      .filter((scope) => scope !== 'offline_access')
      .map((scope) => ({ scope, labelKey: identityLabel(scope) })),
    offline: approval.identity.includes('offline_access'),
    resources: approval.resources.map((resource) => ({
      ...resource,
      account: resource.indicator === ACCOUNT_AUDIENCE,
    })),
    href: localPath(base),
    refuseAction: formTarget(`${base}/refuse`),
    stopAction: formTarget(`${base}/stop`),
  };
}

export function accountApprovalsPage(
  props: AccountFrame & { readonly approvals: readonly ApprovalRow[] },
): string {
  return render('account/approvals', props, {
    ...frameOf(props),
    approvals: props.approvals.map(approvalOf),
  });
}

export function accountApprovalQuestionPage(
  props: AccountFrame & { readonly approval: ApprovalRow },
): string {
  return render('account/approval-question', props, {
    ...frameOf(props),
    approval: approvalOf(props.approval),
  });
}
