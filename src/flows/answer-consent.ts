/** Somebody answered a client's request on the consent page; the audit log remembers it. */
import type { Origin } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';

export type AnswerConsent = (input: {
  readonly accountId: string;
  readonly clientId: string;
  readonly allowed: boolean;
  readonly scopes: readonly string[];
  readonly origin: Origin;
}) => Promise<void>;

export function createAnswerConsent({ transact }: Pick<FlowParts, 'transact'>): AnswerConsent {
  return ({ accountId, clientId, allowed, scopes, origin }) =>
    transact(({ audit }) =>
      audit.record({
        event: allowed ? 'consent_granted' : 'consent_refused',
        result: allowed ? 'success' : 'failure',
        actor: { kind: 'account', id: accountId },
        subjectId: accountId,
        clientId,
        origin,
        details: { scopes: scopes.join(' ') },
      }),
    );
}
