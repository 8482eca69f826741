/**
 * What can be done to a request by somebody who means harm or does not know better: as data, so
 * that a failure shrinks to the few steps that matter and prints as a sentence.
 */
import fc from 'fast-check';

/** One parameter on its way: `raw` is written as it stands, anything else is percent-encoded. */
export type Parameter = { readonly name: string; readonly value: string; readonly raw?: true };

export type Outgoing = {
  readonly method: string;
  readonly path: string;
  /** Where the parameters travel. */
  readonly carrier: 'query' | 'form';
  readonly parameters: readonly Parameter[];
  /** In order; a name may occur twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Takes the place of the form. */
  readonly body?: string;
};

/** Sent along everywhere: if it comes back as markup, somebody could have sent a script. */
export const MARKER = "\"><x-marker a='1'>";

/** Far more than any parameter has, and still a body that is read (56 KiB are). */
const HUGE = 'x'.repeat(50_000);

const STRANGE: readonly string[] = [
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
const RAW = ['%', '%zz', '%E0%A4%A', '%ED%A0%80', '%C0%80', '%u0041', 'a=b', '%00', '%EF%BB%BF'];

const MORE_NAMES = [
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

const MORE_HEADERS: readonly (readonly [string, string])[] = [
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
const OTHER_HEADERS: readonly (readonly [string, string])[] = [
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

const CONTENT_TYPES = [
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
const BODIES = [
  ...['', 'null', '[]', '{}', '"x"', '7', '&', '=', '&&&=&=', '%', '\u0000', '\uFEFF', '<x/>'],
  ...[
    '[['.repeat(5_000),
    'a=1&'.repeat(3_000),
    'a[b][c]=1',
    '--x\r\nContent-Disposition: form-data',
  ],
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];

/** Positions are counted modulo the number of parameters there are at that moment. */
const at = fc.nat({ max: 30 });
const strange = fc.constantFrom(...STRANGE);
const op = <const Name extends string, T>(
  name: Name,
  fields: { [K in keyof T]: fc.Arbitrary<T[K]> },
) => fc.record(fields).map((rest) => ({ op: name, ...rest }));

export const mutation = fc.oneof(
  { weight: 3, arbitrary: op('drop', { at }) },
  { weight: 3, arbitrary: op('double', { at, before: fc.boolean() }) },
  { weight: 3, arbitrary: op('double with', { at, value: strange, before: fc.boolean() }) },
  { weight: 1, arbitrary: op('move', { at, to: at }) },
  { weight: 2, arbitrary: op('swap values', { at, with: at }) },
  { weight: 6, arbitrary: op('set', { at, value: strange }) },
  { weight: 2, arbitrary: op('set', { at, value: fc.string({ unit: 'binary', maxLength: 40 }) }) },
  { weight: 2, arbitrary: op('set raw', { at, value: fc.constantFrom(...RAW) }) },
  { weight: 2, arbitrary: op('append', { at, value: strange }) },
  { weight: 2, arbitrary: op('truncate', { at, to: fc.nat({ max: 60 }) }) },
  { weight: 3, arbitrary: op('flip', { at, place: fc.nat({ max: 2_000 }) }) },
  { weight: 3, arbitrary: op('foreign', { at }) },
  {
    weight: 2,
    arbitrary: op('rename', { at, as: fc.constantFrom('upper', '[]', '[a]', ' ', '.', '\0') }),
  },
  { weight: 4, arbitrary: op('add', { name: fc.constantFrom(...MORE_NAMES), value: strange }) },
  { weight: 1, arbitrary: op('method', { method: fc.constantFrom(...METHODS) }) },
  { weight: 2, arbitrary: op('content type', { type: fc.constantFrom(...CONTENT_TYPES) }) },
  { weight: 1, arbitrary: op('body', { body: fc.constantFrom(...BODIES) }) },
  { weight: 1, arbitrary: op('as JSON', {}) },
  { weight: 1, arbitrary: op('in the query', {}) },
  {
    weight: 3,
    arbitrary: op('header', {
      header: fc.constantFrom(...MORE_HEADERS, ...OTHER_HEADERS),
      how: fc.constantFrom('instead', 'first', 'second'),
    }),
  },
  { weight: 1, arbitrary: op('drop header', { at }) },
  { weight: 1, arbitrary: op('flip header', { at, place: fc.nat({ max: 2_000 }) }) },
);
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

/** Another letter at a place; never the last one, of which base64url leaves some bits unread. */
function flipped(text: string, place: number): string {
  if (text.length < 2) return `${text}A`;
  const index = place % (text.length - 1);
  return text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
}

/** @param foreign what belongs to somebody else, by the parameter's name */
export function mutate(
  request: Outgoing,
  step: Mutation,
  foreign: Readonly<Record<string, string>>,
): Outgoing {
  const { parameters, headers } = request;
  const count = parameters.length;
  const with_ = (changed: readonly Parameter[]): Outgoing => ({ ...request, parameters: changed });
  const put = (index: number, ...those: Parameter[]) =>
    with_([...parameters.slice(0, index), ...those, ...parameters.slice(index + 1)]);
  const index = 'at' in step && count > 0 ? step.at % count : 0;
  const it = parameters[index];

  switch (step.op) {
    case 'add':
      return with_([...parameters, { name: step.name, value: step.value }]);
    case 'method':
      return { ...request, method: step.method };
    case 'content type':
      return withHeader(request, ['content-type', step.type], 'instead');
    case 'body':
      return { ...request, body: step.body };
    case 'as JSON': {
      const body = JSON.stringify(Object.fromEntries(parameters.map((p) => [p.name, p.value])));
      return withHeader({ ...request, body }, ['content-type', 'application/json'], 'instead');
    }
    case 'in the query':
      return { ...request, carrier: request.carrier === 'query' ? 'form' : 'query' };
    case 'header':
      return withHeader(request, step.header, step.how);
    case 'drop header':
      return { ...request, headers: headers.filter((_, i) => i !== step.at % headers.length) };
    case 'flip header': {
      const chosen = step.at % Math.max(headers.length, 1);
      const turned = headers.map(([name, value], i) =>
        i === chosen ? ([name, flipped(value, step.place)] as const) : ([name, value] as const),
      );
      return { ...request, headers: turned };
    }
  }
  if (!it) return request;
  switch (step.op) {
    case 'drop':
      return put(index);
    case 'double':
      return with_(step.before ? [it, ...parameters] : [...parameters, it]);
    case 'double with': {
      const other = { name: it.name, value: step.value };
      return with_(step.before ? [other, ...parameters] : [...parameters, other]);
    }
    case 'move': {
      const rest = parameters.filter((_, i) => i !== index);
      return with_([...rest.slice(0, step.to % count), it, ...rest.slice(step.to % count)]);
    }
    case 'swap values': {
      const other = step.with % count;
      const value = (i: number) => parameters[i]?.value ?? '';
      return with_(
        parameters.map(({ name, value: own }, i) => {
          if (i === index) return { name, value: value(other) };
          return { name, value: i === other ? value(index) : own };
        }),
      );
    }
    case 'set':
      return put(index, { name: it.name, value: step.value });
    case 'set raw':
      return put(index, { name: it.name, value: step.value, raw: true });
    case 'append':
      return put(index, { name: it.name, value: it.value + step.value });
    case 'truncate':
      return put(index, { name: it.name, value: it.value.slice(0, step.to) });
    case 'flip':
      return put(index, { name: it.name, value: flipped(it.value, step.place) });
    case 'foreign':
      return put(index, { name: it.name, value: foreign[it.name] ?? it.value });
    case 'rename':
      return put(index, {
        name: step.as === 'upper' ? it.name.toUpperCase() : it.name + step.as,
        value: it.value,
      });
  }
}

function withHeader(
  request: Outgoing,
  header: readonly [string, string],
  how: 'instead' | 'first' | 'second',
): Outgoing {
  const { headers } = request;
  if (how === 'first') return { ...request, headers: [header, ...headers] };
  const kept = how === 'second' ? headers : headers.filter(([name]) => name !== header[0]);
  return { ...request, headers: [...kept, header] };
}

/** A lone surrogate is no text that could be encoded: it goes out as what UTF-8 makes of it. */
const escaped = (text: string) =>
  [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[A-Za-z0-9._~-]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');

/** The parameters as they travel. */
export const written = (parameters: readonly Parameter[]): string =>
  parameters
    .map(({ name, value, raw }) => `${escaped(name)}=${raw ? value : escaped(value)}`)
    .join('&');
