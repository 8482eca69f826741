/**
 * How long things live, in seconds. Two limits each where people are involved: one that moves
 * with use and one that never does, counted from the log-in itself.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { factsOf } from './clients.js';

const MINUTE = 60;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** How long a request for an approval waits: unless its client says otherwise, and at most. */
const REQUEST_SECONDS = 5 * MINUTE;
const LONGEST_REQUEST_SECONDS = 10 * MINUTE;

function requestSeconds(ctx: KoaContextWithOIDC | undefined): number {
  const wanted = Number(ctx?.oidc?.params?.requested_expiry);
  return wanted > 0 ? Math.min(Math.floor(wanted), LONGEST_REQUEST_SECONDS) : REQUEST_SECONDS;
}

type Limits = { readonly idle: number; readonly absolute: number };

/**
 * How long a browser stays logged in. Staff can change a shop, so theirs is the shortest (PCI DSS
 * 8.2.8); two factors stand for an hour's work, not for a fortnight's (NIST SP 800-63B 2.2.3).
 */
export const SESSION = {
  shopper: { idle: 14 * DAY, absolute: 30 * DAY },
  twoFactors: { idle: HOUR, absolute: DAY },
  staff: { idle: 15 * MINUTE, absolute: 12 * HOUR },
} as const satisfies Record<string, Limits>;

export const REFRESH = {
  shopper: { idle: 14 * DAY, absolute: 30 * DAY },
  // An application may not keep staff logged in for longer than they could stay themselves.
  staff: { idle: 12 * HOUR, absolute: 12 * HOUR },
} as const satisfies Record<string, Limits>;

/** What the host's view of an account says about its kind (see `claims.ts`). */
type Known = { readonly accountId: string; readonly kind?: unknown } | undefined;

type SessionFacts = {
  readonly accountId?: string | undefined;
  readonly loginTs?: number | undefined;
  readonly amr?: readonly string[] | undefined;
  readonly exp?: number | undefined;
};

/** A refresh token: when the first of its family was issued, and when its owner had logged in. */
type FamilyFacts = {
  readonly accountId?: string | undefined;
  readonly iiat?: number | undefined;
  readonly authTime?: number | undefined;
};

const now = () => Math.floor(Date.now() / 1000);

function remaining({ idle, absolute }: Limits, since: number | undefined): number {
  return Math.max(1, Math.min(idle, (since ?? now()) + absolute - now()));
}

function isStaff(ctx: KoaContextWithOIDC | undefined, accountId: string | undefined): boolean {
  const known = ctx?.oidc?.account as Known;
  return known?.accountId === accountId && known?.kind === 'staff';
}

/** `ttl` of oidc-provider's configuration. */
export const lifetimes = {
  AccessToken: (_ctx: unknown, token: { resourceServer?: { accessTokenTTL?: number } }) =>
    token.resourceServer?.accessTokenTTL ?? 15 * MINUTE,
  ClientCredentials: (_ctx: unknown, token: { resourceServer?: { accessTokenTTL?: number } }) =>
    token.resourceServer?.accessTokenTTL ?? 15 * MINUTE,
  AuthorizationCode: MINUTE,
  DeviceCode: 10 * MINUTE,
  /** As long as its client wants it to wait, within bounds. */
  BackchannelAuthenticationRequest: requestSeconds,
  Grant: SESSION.shopper.absolute,
  IdToken: 10 * MINUTE,
  Interaction: 60 * MINUTE,
  /**
   * Rotation never extends the absolute limit, and neither does a further authorization within
   * the same log-in: it is counted from that. A client may have both limits shorter, never longer.
   */
  RefreshToken(ctx: KoaContextWithOIDC, token: FamilyFacts, client: object): number {
    const most = isStaff(ctx, token.accountId) ? REFRESH.staff : REFRESH.shopper;
    const { refreshIdleSeconds, refreshAbsoluteSeconds } = factsOf(client).client;
    const limits = {
      idle: Math.min(most.idle, refreshIdleSeconds ?? most.idle),
      absolute: Math.min(most.absolute, refreshAbsoluteSeconds ?? most.absolute),
    };
    const begun = token.iiat ?? now();
    return remaining(limits, Math.min(begun, token.authTime ?? begun));
  },
  /** The library's session slides for ever; this one ends with its log-in's last hour. */
  Session(ctx: KoaContextWithOIDC, session: SessionFacts): number {
    if (!session.accountId) return DAY;
    const known = ctx.oidc.account as Known;
    // A request that failed before it looked whose session this is does not extend it.
    if (known?.accountId !== session.accountId && session.exp) {
      return Math.max(1, session.exp - now());
    }
    const staff = isStaff(ctx, session.accountId);
    const twoFactors = session.amr?.includes('mfa') ?? false;
    const limits = staff ? SESSION.staff : twoFactors ? SESSION.twoFactors : SESSION.shopper;
    return remaining(limits, session.loginTs);
  },
};
