/**
 * Two things about response modes that the host has no setting for: its discovery names modes
 * that no client here may use, and it refuses a mode in exactly the mode it has refused.
 */
import type Provider from 'oidc-provider';
import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import { factsOf } from './clients.js';
import { RESPONSE_MODES, responseModesOf } from './profile-metadata.js';

export function teachResponseModes(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next();
    const body = ctx.body as { response_modes_supported?: unknown } | undefined;
    if (!Array.isArray(body?.response_modes_supported)) return;
    body.response_modes_supported = RESPONSE_MODES;
  });
  provider.on('authorization.error', ({ oidc }) => {
    const { client, params } = oidc;
    const mode = params?.response_mode;
    if (!client || !params || typeof mode !== 'string') return;
    if (!responseModesOf(factsOf(client).client).includes(mode)) params.response_mode = undefined;
  });
}

/** Nobody gets a response in a fragment by asking for one. */
export function refuseFragments({ oidc }: KoaContextWithOIDC): void {
  if (oidc.params?.response_mode !== 'fragment') return;
  throw new errors.InvalidRequest('requested response_mode is not allowed');
}
