/**
 * The `claims` parameter (OpenID Connect Core 5.5): single claims beside those of the scopes. It
 * is another way to ask for the same personal data, so it reaches no further than the scopes of
 * the client's allow-list, and what it asks for stands on the pages under the scope behind it.
 */
import type { Disclosure } from './disclosure.js';

type Places = { readonly [place in (typeof PLACES)[number]]?: Readonly<Record<string, unknown>> };
const PLACES = ['userinfo', 'id_token'] as const;

/** Which of the claims of an accepted request come with which scope of its client's. */
export function personalClaims(
  params: Readonly<Record<string, unknown>> | undefined,
  disclosure: Disclosure,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (typeof params?.claims !== 'string') return found;
  const asked = new Set(String(params.scope ?? '').split(' '));
  const places = JSON.parse(params.claims) as Places;
  for (const claim of PLACES.flatMap((place) => Object.keys(places[place] ?? {}))) {
    const scope = disclosure.scopeOf(claim, asked);
    // What happened at log-in is told to everybody who may log somebody in.
    if (scope !== undefined && scope !== 'openid') found.set(claim, scope);
  }
  return found;
}

/**
 * Takes out of a request what its client may not learn. No error, not even for essential claims:
 * what cannot be told is left out of the answer (section 5.5.1). Call it once the host has
 * found the parameter well-formed.
 */
export function leaveOutForeignClaims(params: { claims?: unknown }, disclosure: Disclosure): void {
  if (typeof params.claims !== 'string') return;
  const asked = JSON.parse(params.claims) as Places;
  const held = PLACES.flatMap((place) => {
    const members = asked[place];
    if (!members) return [];
    const kept = Object.entries(members).filter(
      // To the host anything else asks for nothing.
      ([claim, how]) => typeof how === 'object' && !Array.isArray(how) && disclosure.mayAsk(claim),
    );
    return [[place, Object.fromEntries(kept)] as const];
  });
  params.claims = JSON.stringify(Object.fromEntries(held));
}
