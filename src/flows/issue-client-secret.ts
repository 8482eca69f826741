/** A client gets another secret, so that it can change over without an outage. */
import type { Actor } from '../domain/audit/index.js';
import type { FlowParts } from './domain.js';

export type IssueClientSecretResult =
  | { readonly kind: 'issued'; readonly secretId: string; readonly secret: string }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'public-client' }
  | { readonly kind: 'unknown-secret' }
  | { readonly kind: 'too-many'; readonly secretIds: readonly string[] };

export type IssueClientSecret = (input: {
  readonly clientId: string;
  /** Takes this secret away in the same step. */
  readonly replaces?: string;
  readonly actor: Actor;
}) => Promise<IssueClientSecretResult>;

export function createIssueClientSecret({ transact }: FlowParts): IssueClientSecret {
  return ({ clientId, replaces, actor }) =>
    transact(async ({ clients, audit }) => {
      const client = await clients.find(clientId);
      if (!client) return { kind: 'not-found' };
      if (!client.authMethod.startsWith('client_secret')) return { kind: 'public-client' };
      if (replaces && !(await clients.removeSecret(clientId, replaces))) {
        return { kind: 'unknown-secret' };
      }
      const issued = await clients.issueSecret(clientId);
      if (issued.kind !== 'issued') return issued;
      await audit.record({
        event: 'client_secret_issued',
        result: 'success',
        actor,
        clientId,
        details: { secretId: issued.secretId, replaces: replaces ?? null },
      });
      return issued;
    });
}
