/** What a client's profile makes of its metadata, whatever the single settings of it say. */
import type { ClientMetadata } from 'oidc-provider';
import { type Client, isFapi, maySignResponses, tokenBinding } from '../domain/clients/index.js';

/** Never in a fragment: scripts read those, and codes are for servers (RFC 9700 section 4.3.2). */
const PLAIN_MODES = ['query', 'form_post'];
const SIGNED_MODES = ['jwt', 'query.jwt', 'form_post.jwt'];

/** Every response mode that some client may use. */
export const RESPONSE_MODES: readonly string[] = [...PLAIN_MODES, ...SIGNED_MODES];

/** The response modes this client may use; signed ones only if it is registered for them. */
export function responseModesOf(client: Client): string[] {
  if (!client.grantTypes.includes('authorization_code')) return [];
  return maySignResponses(client) ? [...RESPONSE_MODES] : [...PLAIN_MODES];
}

// What the host answers a response type with that does not exist here; without it, that would be
// told as the mode's fault. Who asks for it by name is refused in `response-modes.ts`.
const MODE_OF_TOKENS = 'fragment';

/** Wins over what is registered singly. */
export function profileMetadata(client: Client): Partial<ClientMetadata> {
  const modes = responseModesOf(client);
  return {
    ...(modes.length > 0 ? { response_modes: [...modes, MODE_OF_TOKENS] } : {}),
    dpop_bound_access_tokens: tokenBinding(client) === 'dpop',
    ...(isFapi(client) ? { require_pushed_authorization_requests: true } : {}),
  };
}
