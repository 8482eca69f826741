/**
 * A spent code or refresh token came back: somebody holds a copy (RFC 9700 section 4.14). The
 * protocol host has ended the grant already; this leaves the trace.
 */
import type { Origin } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';

export type RecordTokenReuse = (input: {
  readonly kind: 'authorization_code' | 'refresh_token';
  readonly clientId: string | undefined;
  readonly accountId: string | undefined;
  readonly origin: Origin;
}) => Promise<void>;

export function createRecordTokenReuse({
  transact,
}: Pick<FlowParts, 'transact'>): RecordTokenReuse {
  return ({ kind, clientId, accountId, origin }) =>
    transact(({ audit }) =>
      audit.record({
        event: kind === 'refresh_token' ? 'refresh_reuse' : 'code_reuse',
        result: 'failure',
        actor: clientId ? { kind: 'client', id: clientId } : { kind: 'anonymous' },
        ...(accountId ? { subjectId: accountId } : {}),
        ...(clientId ? { clientId } : {}),
        origin,
      }),
    );
}
