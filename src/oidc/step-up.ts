/**
 * Step-up (RFC 9470): what a request, or a scope in it, asks of the log-in behind it. The answer
 * is the same before the log-in, on its pages, and when the host resumes.
 */
import { errors } from 'oidc-provider';
import type { ResourceServer } from '../domain/access/index.js';
import { ACR_VALUES, type Acr, isAcr, satisfies } from '../domain/signin/index.js';

/** What a log-in can reach here today; discovery names exactly these. */
export const REACHABLE: readonly Acr[] = ACR_VALUES;

/** The least that is asked for. */
export type Assurance = {
  readonly acr: Acr | undefined;
  /** Seconds since the log-in, at most. */
  readonly maxAge: number | undefined;
};

type Essential = { essential?: unknown; values?: unknown; value?: unknown };

/**
 * The acr that `claims` insists on, from the parameter as it was sent: by the time of the policy
 * the host has written `acr_values` over its own copy, and with it what was essential. Else a
 * shopper could add a weak `acr_values` to the address and get past a strong demand.
 */
function essentialAcr(claims: unknown): unknown[] | undefined {
  let parsed: { id_token?: { acr?: Essential | null } | null };
  try {
    parsed = typeof claims === 'string' ? JSON.parse(claims) : {};
  } catch {
    throw new errors.InvalidRequest('could not parse the claims parameter JSON');
  }
  const acr = parsed.id_token?.acr;
  if (acr?.essential !== true) return undefined;
  if (acr.values === undefined) return acr.value === undefined ? undefined : [acr.value];
  if (!Array.isArray(acr.values)) {
    throw new errors.InvalidRequest('invalid claims.id_token.acr.values type');
  }
  return acr.values;
}

/**
 * The demand of an authorization request. Each list of values is satisfied by any one of them,
 * so the weakest known one is its demand; several demands add up to the strongest. Throws
 * `unmet_authentication_requirements` where nobody could ever meet them.
 */
export function assuranceOf(request: {
  readonly acrValues: unknown;
  /** The parameter as it was sent: JSON. */
  readonly claims: unknown;
  readonly scopes: ReadonlySet<string>;
  readonly servers: readonly ResourceServer[];
}): Assurance {
  const essential = essentialAcr(request.claims);
  const lists: unknown[][] = [
    ...(typeof request.acrValues === 'string' ? [request.acrValues.split(' ')] : []),
    ...(essential ? [essential] : []),
  ];
  const demands = lists.map(weakest);
  let maxAge: number | undefined;
  for (const scope of request.servers.flatMap((server) => server.scopes)) {
    if (!request.scopes.has(scope.name)) continue;
    if (scope.requiredAcr) demands.push(weakest([scope.requiredAcr]));
    if (scope.maxAgeSeconds) maxAge = Math.min(maxAge ?? Infinity, scope.maxAgeSeconds);
  }
  const acr = demands.reduce<Acr | undefined>(
    (most, demand) => (most && satisfies(most, demand) ? most : demand),
    undefined,
  );
  return { acr, maxAge };
}

function weakest(values: readonly unknown[]): Acr {
  const reachable = ACR_VALUES.filter(
    (known) => values.includes(known) && REACHABLE.includes(known),
  );
  const [first] = reachable;
  if (first) return first;
  throw new errors.UnmetAuthenticationRequirements(
    'none of the requested authentication contexts can be reached',
  );
}

/** Whether a log-in of class `acr` meets the demand. */
export function meets(acr: unknown, demand: Assurance): boolean {
  if (!demand.acr) return true;
  return typeof acr === 'string' && isAcr(acr) && satisfies(acr, demand.acr);
}
