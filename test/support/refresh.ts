/** Families of refresh tokens: begun, used, and let grow older than a test can wait for. */
import {
  type Answer,
  type Database,
  type Fields,
  freshCode,
  ORDERS,
  post,
  redemption,
  rowOf,
  wire,
} from './protocol.js';
import type { Letter } from './recovery.js';
import type { TestServer } from './server.js';

export const OFFLINE = { scope: 'openid offline_access orders:read', resource: ORDERS };

/** The tokens of a shopper who stays signed in at a public client. */
export async function beginFamily(
  server: TestServer,
  options: {
    readonly client?: string;
    readonly user?: { readonly email: string; readonly password: string };
    readonly headers?: Record<string, string>;
  } = {},
): Promise<{ readonly refresh: string; readonly access: string; readonly sub: string }> {
  const client_id = options.client ?? 'demo-storefront';
  const { code } = await freshCode(
    server,
    { ...OFFLINE, client_id },
    options.user ? { user: options.user } : {},
  );
  const asked = redemption(code, { client_id, resource: ORDERS });
  const { json, text } = await post(server, '/oauth2/token', asked, options.headers ?? {});
  if (typeof json.refresh_token !== 'string') throw new Error(`no family began: ${text}`);
  const [, claims = ''] = String(json.id_token).split('.');
  const { sub } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { sub: string };
  return { refresh: json.refresh_token, access: String(json.access_token), sub };
}

/** The request that uses a refresh token of a public client. */
export const refreshing = (refreshToken: unknown, changes: Fields = {}): Fields => ({
  grant_type: 'refresh_token',
  client_id: 'demo-storefront',
  refresh_token: String(refreshToken),
  resource: ORDERS,
  ...changes,
});

export const refresh = (
  server: TestServer,
  refreshToken: unknown,
  changes: Fields = {},
  headers: Record<string, string> = {},
): Promise<Answer> => post(server, '/oauth2/token', refreshing(refreshToken, changes), headers);

/** Lets so many seconds go by since a token was used. */
export async function passSinceUse(
  database: Database,
  refreshToken: unknown,
  seconds: number,
): Promise<void> {
  const rows = await database.query(
    `UPDATE artifacts SET consumed_at = consumed_at - make_interval(secs => $2)
      WHERE id_hash = $1 AND consumed_at IS NOT NULL RETURNING 1`,
    [rowOf(String(refreshToken)), seconds],
  );
  if (rows.length !== 1) throw new Error('there is no such token, or it was not used');
}

/** What the database knows the stored answer to a refresh token by. */
export const answerRow = (refreshToken: unknown): Buffer => rowOf(`answer to ${refreshToken}`);

/** The letters about a token that came back, in a node's mailbox. */
export const reuseLetters = async (node: TestServer, email: string): Promise<Letter[]> => {
  const headers = { host: new URL(node.issuer).host };
  const { text } = await wire(node.port, { path: '/dev/mailbox.json', headers });
  return (JSON.parse(text) as Letter[]).filter(
    ({ to, subject }) =>
      to.includes(email) && /^A sign-in to your .+ account was ended$/.test(subject),
  );
};

/** How many refresh tokens of the same family there are, used ones and others. */
export async function branches(
  database: Database,
  refreshToken: unknown,
): Promise<{ readonly all: number; readonly unused: number }> {
  const [row] = await database.query(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE consumed_at IS NULL)::int AS unused
       FROM artifacts WHERE kind = 'RefreshToken'
        AND grant_hash = (SELECT grant_hash FROM artifacts WHERE id_hash = $1)`,
    [rowOf(String(refreshToken))],
  );
  return { all: Number(row?.all), unused: Number(row?.unused) };
}

/** What was recorded of an account, by event. */
export const recorded = (database: Database, event: string, sub: string) =>
  database.query(
    'SELECT client_id, result, actor_kind FROM audit_events WHERE event = $1 AND subject_id = $2',
    [event, sub],
  );
