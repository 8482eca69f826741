/**
 * Public keys of clients (RFC 7517), registered with them or fetched from where they keep them.
 * One judgement for both: what would be refused in a registration is not taken over the network.
 */

/** What a key of each type has to have; of other types there may be some, and none is used. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
  RSA: ['n', 'e'],
  AKP: ['alg', 'pub'],
};
/** Of private and symmetric keys (RFC 7518 section 6, RFC 8037 section 2). */
const SECRETS = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'];

type Key = Readonly<Record<string, unknown>>;

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isKey = (key: unknown): key is Key =>
  typeof key === 'object' && key !== null && !Array.isArray(key) && isText((key as Key).kty);

/** Why `jwks` is not a set of public keys; a private one was handed over by mistake. */
export function jwksFault(jwks: unknown): string | undefined {
  const keys = (jwks as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isKey)) {
    return 'jwks must be a set of public keys: {"keys": [...]}';
  }
  const secret = keys.some((key) => key.kty === 'oct' || SECRETS.some((part) => part in key));
  if (secret) return 'jwks must hold public keys only; take these out of use';
  if (!keys.every(isWhole))
    return 'A key in jwks lacks what makes it one, or says it in another form';
  return keys.some(isShortRsaKey) ? 'An RSA key in jwks is shorter than 2048 bits' : undefined;
}

function isWhole(key: Key): boolean {
  const { x5c } = key;
  return (
    (MEMBERS[String(key.kty)] ?? []).every((name) => isText(key[name])) &&
    ['alg', 'kid', 'use'].every((name) => key[name] === undefined || isText(key[name])) &&
    (x5c === undefined || (Array.isArray(x5c) && x5c.every(isText)))
  );
}

/** What no signature is checked with (RFC 7518 section 3.3, FAPI 2.0 section 5.4.1). */
function isShortRsaKey({ kty, n }: Key): boolean {
  return kty === 'RSA' && Buffer.from(String(n), 'base64url').length < 256;
}
