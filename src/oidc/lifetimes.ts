/**
 * How long things live, in seconds. Two limits each where people are involved: one that moves
 * with use and one that never does, counted from the log-in itself.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';

const MINUTE = 60;
const DAY = 24 * 3600;

export const SESSION_IDLE = 14 * DAY;
export const SESSION_ABSOLUTE = 30 * DAY;
export const REFRESH_IDLE = 14 * DAY;
export const REFRESH_ABSOLUTE = 30 * DAY;

const now = () => Math.floor(Date.now() / 1000);

/** `ttl` of oidc-provider's configuration. */
export const lifetimes = {
  AccessToken: (_ctx: unknown, token: { resourceServer?: { accessTokenTTL?: number } }) =>
    token.resourceServer?.accessTokenTTL ?? 15 * MINUTE,
  ClientCredentials: (_ctx: unknown, token: { resourceServer?: { accessTokenTTL?: number } }) =>
    token.resourceServer?.accessTokenTTL ?? 15 * MINUTE,
  AuthorizationCode: MINUTE,
  DeviceCode: 10 * MINUTE,
  BackchannelAuthenticationRequest: 10 * MINUTE,
  Grant: SESSION_ABSOLUTE,
  IdToken: 10 * MINUTE,
  Interaction: 60 * MINUTE,
  /** Rotation never extends the absolute limit, counted from the first token of the family. */
  RefreshToken: (_ctx: unknown, token: { iiat?: number }) =>
    Math.max(1, Math.min(REFRESH_IDLE, (token.iiat ?? now()) + REFRESH_ABSOLUTE - now())),
  /** The library's session slides for ever; this one ends with its log-in's thirtieth day. */
  Session: (_ctx: KoaContextWithOIDC, session: { loginTs?: number | undefined }) =>
    Math.max(1, Math.min(SESSION_IDLE, (session.loginTs ?? now()) + SESSION_ABSOLUTE - now())),
};
