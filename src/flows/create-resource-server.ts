/** An API is made known: its indicator, its scopes, and what its tokens look like. */
import { isIdentityScope, type ResourceServerDraft } from '../domain/access/index.js';
import type { Actor } from '../domain/audit/index.js';
import { demandFaults } from './change-scope-demand.js';
import type { Domain, FlowParts } from './domain.js';

export type CreateResourceServerResult =
  | { readonly kind: 'created' }
  | { readonly kind: 'indicator-taken' }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

export type CreateResourceServer = (input: {
  readonly draft: ResourceServerDraft;
  readonly actor: Actor;
}) => Promise<CreateResourceServerResult>;

// RFC 6749 section 3.3: printable ASCII without blanks, quotes and backslashes.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/;

export function createCreateResourceServer({ transact }: FlowParts): CreateResourceServer {
  return async ({ draft, actor }) => {
    const faults = faultsOf(draft);
    if (faults.length > 0) return { kind: 'invalid', faults };
    return transact(async (domain) => {
      const { access, audit } = domain;
      if (await access.findResourceServer(draft.indicator)) return { kind: 'indicator-taken' };
      await access.lockScopeNames();
      const taken = await personalScopesAmong(domain, draft);
      if (taken.length > 0) return { kind: 'invalid', faults: taken };
      await access.createResourceServer(draft);
      await audit.record({
        event: 'resource_server_created',
        result: 'success',
        actor,
        details: {
          indicator: draft.indicator,
          scopes: draft.scopes.map((scope) => scope.name).join(' '),
          ...demandsOf(draft),
        },
      });
      return { kind: 'created' };
    });
  };
}

/**
 * A scope means one thing: whoever asks for an API must not be told of a person with it. The same
 * is seen to from the other side when a claim is declared.
 */
async function personalScopesAmong(
  { claims }: Pick<Domain, 'claims'>,
  { scopes }: ResourceServerDraft,
): Promise<string[]> {
  const own = new Set((await claims.listMappings()).map(({ scope }) => scope));
  return scopes
    .filter(({ name }) => isIdentityScope(name) || own.has(name))
    .map(({ name }) => `The scope ${name} speaks of a person and can be no API's`);
}

/** For the record: which scopes ask something of the log-in, and what. */
function demandsOf({ scopes }: ResourceServerDraft): { demands?: string } {
  const demands = scopes.flatMap(({ name, requiredAcr, maxAgeSeconds }) =>
    requiredAcr || maxAgeSeconds
      ? [[name, requiredAcr, maxAgeSeconds].filter(Boolean).join(' ')]
      : [],
  );
  return demands.length > 0 ? { demands: demands.join(', ') } : {};
}

function faultsOf(draft: ResourceServerDraft): string[] {
  const faults: string[] = [];
  if (!isIndicator(draft.indicator)) {
    faults.push('The indicator must be an absolute URI without a fragment (RFC 8707 section 2)');
  }
  if (!draft.name.trim() || draft.name.length > 100) {
    faults.push('The name must have 1 to 100 characters');
  }
  if (draft.scopes.length === 0) faults.push('At least one scope is required');
  const names = draft.scopes.map((scope) => scope.name);
  if (new Set(names).size !== names.length) faults.push('A scope must not be named twice');
  for (const scope of draft.scopes) {
    if (!SCOPE.test(scope.name)) faults.push(`"${scope.name}" is not a scope name`);
    faults.push(...demandFaults(scope.name, scope));
  }
  return faults;
}

function isIndicator(value: string): boolean {
  try {
    return !value.includes('#') && new URL(value).protocol !== '';
  } catch {
    return false;
  }
}
