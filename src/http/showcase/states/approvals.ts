/** What waits for somebody's approval. */
import * as views from '../../views.js';
import type { Draw, States } from './draw.js';
import { application, mara } from './shopper.js';

const desk = {
  id: 'p0Vb3mJkQ2',
  clientName: 'Telephone desk at Alder & Oak',
  message: 'Order 4711, oak table, €349.00',
  since: new Date('2026-11-22T11:38:00Z'),
  until: new Date('2026-11-22T11:43:00Z'),
  identity: ['openid', 'profile', 'offline_access'],
  resources: [
    {
      ...application.resources[0],
      indicator: 'https://api.demo-shop.example/orders',
      name: 'Orders',
      scopes: [{ name: 'orders:write', description: 'Place and change orders for you' }],
    },
  ],
};
const bare = { ...desk, id: 'p0Vb3mJkQ3', clientName: 'Quince & Fig', message: undefined };

export function approvalStates(draw: Draw): States {
  const listPage = draw(views.accountApprovalsPage);
  const questionPage = draw(views.accountApprovalQuestionPage);
  const page = { ...mara, section: 'applications' } as const;
  return {
    'account-approvals': listPage({ ...page, approvals: [desk, bare] }),
    'account-approvals-none': listPage({ ...page, approvals: [], notice: 'approval-given' }),
    'account-approval': questionPage({ ...page, approval: desk }),
    'account-approval-bare': questionPage({ ...page, approval: bare }),
    // As hostile as a message can be that gets through.
    'account-approval-hostile': questionPage({
      ...page,
      approval: { ...desk, message: '</q></dd>"’&amp; '.repeat(6).trim() },
    }),
  };
}
