/** Somebody answered a client's request on the consent page; the audit log remembers it. */
import type { Origin } from '../domain/audit/index.js';
import type { PaymentDetail } from '../kernel/payment.js';
import type { FlowParts } from './domain.js';

export type AnswerConsent = (input: {
  readonly accountId: string;
  readonly clientId: string;
  readonly allowed: boolean;
  /** Empty where only a payment was asked for. */
  readonly scopes: readonly string[];
  readonly payment: PaymentDetail | undefined;
  readonly origin: Origin;
}) => Promise<void>;

export function createAnswerConsent({ transact }: Pick<FlowParts, 'transact'>): AnswerConsent {
  return ({ accountId, clientId, allowed, scopes, payment, origin }) =>
    transact(async ({ audit }) => {
      const record = {
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        clientId,
        origin,
      } as const;
      if (payment && allowed) {
        const { instructedAmount, order } = payment;
        await audit.record({
          ...record,
          event: 'payment_approved',
          result: 'success',
          details: { ...instructedAmount, order },
        });
        // The shop's own clients were asked about nothing else.
        if (scopes.length === 0) return;
      }
      await audit.record({
        ...record,
        event: allowed ? 'consent_granted' : 'consent_refused',
        result: allowed ? 'success' : 'failure',
        details: {
          scopes: scopes.join(' '),
          ...(payment && !allowed ? { ...payment.instructedAmount, order: payment.order } : {}),
        },
      });
    });
}
