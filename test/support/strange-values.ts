/**
 * What nobody sends who means well: values, names, headers, types and bodies that have broken
 * parsers elsewhere, or that are right in another place.
 */

/** Sent along everywhere: if it comes back as markup, somebody could have sent a script. */
export const MARKER = "\"><x-marker a='1'>";

/** Far more than any parameter has, and still a body that is read (56 KiB are). */
const HUGE = 'x'.repeat(50_000);

export const STRANGE: readonly string[] = [
  ...[
    '',
    ' ',
    '0',
    '-1',
    '1e309',
    '99999999999999999999',
    'NaN',
    'null',
    'true',
    '[object Object]',
  ],
  ...['{}', '[]', '{"a":', '"', '{"__proto__":{"a":1}}', `{"id_token":{"sub":{"value":${'[1]'}}}}`],
  ...['{"userinfo":null,"id_token":7}', `{"id_token":{"acr":{"essential":true,"values":"x"}}}`],
  ...['__proto__', 'constructor', 'toString', 'none', 'login', 'login none', 'query', 'fragment'],
  ...[
    'form_post',
    'jwt',
    'query.jwt',
    'form_post.jwt',
    'web_message',
    'code token',
    'plain',
    'S256',
  ],
  ...['openid openid', 'openid\tprofile', 'urn:latchkey:acr:9', 'de-DE-x-y', "' OR 1=1 --", '\\'],
  ...['client_credentials', 'authorization_code', 'refresh_token', 'password', 'implicit'],
  ...['urn:ietf:params:oauth:grant-type:device_code', 'urn:ietf:params:oauth:token-type:jwt'],
  ...['https://evil.example/cb', '//evil.example', 'javascript:alert(1)', 'data:text/html,x'],
  ...['http://localhost:4000/callback/../evil', 'http://localhost:4000/callback?x=1'],
  ...['http://localhost:4000/callback#x', 'http://localhost:4000@evil.example/callback'],
  ...['http://LOCALHOST:4000/callback', 'http://localhost:4001/callback', 'http://[::1'],
  ...['eyJhbGciOiJub25lIn0.e30.', 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA', 'a.b.c', '...', '.'.repeat(300)],
  ...['eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJkZW1vLXN0b3JlZnJvbnQifQ.', 'bnVsbA.bnVsbA.bnVsbA'],
  ...['urn:ietf:params:oauth:request_uri:x', 'é', '\u202e', '😀', '\u0000', 'a\u0000b', '\uFEFF'],
  ...['x\r\nX-Injected: 1', '\n', MARKER, `https://shop.example/${MARKER}`, '{{7*7}}', '<%= 1 %>'],
  ...['[['.repeat(2_000), '{"a":'.repeat(2_000), 'openid '.repeat(3_000), HUGE],
];

/** Bytes that percent-decode to nothing, or to no text. */
export const RAW = [
  '%',
  '%zz',
  '%E0%A4%A',
  '%ED%A0%80',
  '%C0%80',
  '%u0041',
  'a=b',
  '%00',
  '%EF%BB%BF',
];

export const MORE_NAMES = [
  ...['x', '__proto__', 'constructor', 'hasOwnProperty', 'toString', '', MARKER, 'a[b]', 'a.b'],
  ...['client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'grant_type'],
  ...['request', 'request_uri', 'response_mode', 'response_type', 'prompt', 'max_age', 'claims'],
  ...[
    'registration',
    'authorization_details',
    'dpop_jkt',
    'resource',
    'audience',
    'scope',
    'nonce',
  ],
  ...['id_token_hint', 'login_hint', 'ui_locales', 'display', 'acr_values', 'web_message_uri'],
  ...['code', 'code_challenge', 'code_verifier', 'refresh_token', 'device_code', 'user_code'],
  ...['redirect_uri', 'state', 'token', 'token_type_hint', 'access_token', 'username', 'password'],
  ...['subject_token', 'actor_token', 'actor_token_type', 'requested_token_type', 'auth_req_id'],
  ...['logout_hint', 'post_logout_redirect_uri', 'latchkey_checked', 'iss', 'error', 'response'],
];

const CREDENTIALS: readonly (readonly [string, string])[] = [
  ...[
    '',
    'Basic',
    'Basic ',
    'Basic =',
    'Basic Og==',
    'Basic bm9jb2xvbg==',
    'Basic JTpe',
    'Basic AA==',
  ],
  ...['Basic JXp6OiV6eg==', 'Basic ZGVtby1hdXRvbWF0aW9uOg==', 'Bearer', 'Bearer ', 'Bearer x y'],
  ...[
    'Bearer ..',
    'DPoP x',
    'Digest a="b"',
    `Basic ${'A'.repeat(8_000)}`,
    `Bearer ${'.'.repeat(8_000)}`,
  ],
].map((value) => ['authorization', value] as const);
export const MORE_HEADERS: readonly (readonly [string, string])[] = [
  ...CREDENTIALS,
  ...['', 'x', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', 'e30.e30.e30', 'é'].map(
    (value) => ['dpop', value] as const,
  ),
  ...['text/html', '*/*;q=0', 'text/html;q=2, application/json', 'x', ',,,', '\u00ff'].map(
    (value) => ['accept', value] as const,
  ),
  ...['https://evil.example', 'null', MARKER].map((value) => ['origin', value] as const),
  ...['latchkey_session=x; latchkey_session.sig=y', ';;;=', `a=${'b'.repeat(8_000)}`].map(
    (value) => ['cookie', value] as const,
  ),
  ...['gzip', 'br', 'identity', 'x'].map((value) => ['content-encoding', value] as const),
  ...['xx', 'de;q=9', '*', MARKER].map((value) => ['accept-language', value] as const),
  ...[
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-for',
    'forwarded',
    'x-original-url',
  ].map((name) => [name, 'evil.example'] as const),
  ...[['sec-fetch-site', 'cross-site'] as const, ['x-http-method-override', 'DELETE'] as const],
  ...[['x-padding', 'y'.repeat(8_000)] as const, ['x-gateway-authorization', 'Basic x'] as const],
];

export const CONTENT_TYPES = [
  ...[
    'application/json',
    'text/plain',
    'multipart/form-data',
    'multipart/form-data; boundary=x',
    '',
  ],
  ...[
    'application/x-www-form-urlencoded; charset=utf-16le',
    'application/jwt',
    'x',
    '/',
    ';',
    '\u00ff',
  ],
  ...['application/x-www-form-urlencoded; charset=nonsense', 'application/xml', 'text/html'],
  ...[
    'application/x-www-form-urlencoded; charset="',
    'application/x-www-form-urlencoded;charset=UTF-8',
  ],
];
export const BODIES = [
  ...['', 'null', '[]', '{}', '"x"', '7', '&', '=', '&&&=&=', '%', '\u0000', '\uFEFF', '<x/>'],
  ...[
    '[['.repeat(5_000),
    'a=1&'.repeat(3_000),
    'a[b][c]=1',
    '--x\r\nContent-Disposition: form-data',
  ],
];
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
];
