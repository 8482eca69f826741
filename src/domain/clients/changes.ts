/** Changing the protocol settings of a client that is registered already. */
import type { ClientDraft, RefreshLimits } from './draft.js';
import type { ClientMetadata } from './metadata.js';
import type { Profile } from './profiles.js';
import type { ClientRow, ProtocolColumns } from './store.js';

/** What is missing stays; metadata is changed by name, and null takes one away. */
export type ProtocolChanges = {
  readonly profile?: Profile;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly refresh?: RefreshLimits;
  readonly requirePushedRequests?: boolean;
  readonly dpopBoundAccessTokens?: boolean;
};

/** The columns as they will be; metadata is not checked here. */
export function changedColumns(known: ClientRow, changes: ProtocolChanges): ProtocolColumns {
  const { refresh = {} } = changes;
  const metadata = { ...(known.metadata as object), ...changes.metadata };
  return {
    profile: changes.profile ?? known.profile,
    metadata: Object.fromEntries(
      Object.entries(metadata).filter(([, value]) => value !== null && value !== undefined),
    ),
    refreshGraceSeconds: refresh.grace ?? known.refreshGraceSeconds,
    refreshIdleSeconds: refresh.idle ?? known.refreshIdleSeconds,
    refreshAbsoluteSeconds: refresh.absolute ?? known.refreshAbsoluteSeconds,
    requirePushedRequests: changes.requirePushedRequests ?? known.requirePushedRequests,
    dpopBoundAccessTokens: changes.dpopBoundAccessTokens ?? known.dpopBoundAccessTokens,
  };
}

/** A row as the registration that would have made it. */
export function draftOf(row: Omit<ClientRow, 'status' | 'createdAt'>): ClientDraft {
  const { clientUri, policyUri, tosUri, ...others } = row;
  const { refreshGraceSeconds, refreshIdleSeconds, refreshAbsoluteSeconds, ...same } = others;
  return {
    ...same,
    authMethod: row.authMethod as ClientDraft['authMethod'],
    grantTypes: row.grantTypes as ClientDraft['grantTypes'],
    applicationType: row.applicationType === 'native' ? 'native' : 'web',
    idTokenAlg: row.idTokenAlg as NonNullable<ClientDraft['idTokenAlg']>,
    profile: row.profile as Profile,
    metadata: row.metadata as ClientMetadata,
    refresh: {
      ...(refreshGraceSeconds === null ? {} : { grace: refreshGraceSeconds }),
      ...(refreshIdleSeconds === null ? {} : { idle: refreshIdleSeconds }),
      ...(refreshAbsoluteSeconds === null ? {} : { absolute: refreshAbsoluteSeconds }),
    },
    jwks: row.jwks ?? undefined,
    ...optional({ clientUri, policyUri, tosUri }),
  } as ClientDraft;
}

function optional(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}
