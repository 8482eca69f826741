/** A storefront that asks the self-service API for a shopper, as its own pages would. */
import { z } from 'zod';
import type { Owner } from './account.js';
import { type Answer, answerOf, authorizeUrl, post, redemption } from './protocol.js';
import type { TestServer } from './server.js';

export const ACCOUNT = 'urn:latchkey:account';
export const ALL = 'openid email profile account:read account:write';

/** What a problem document says besides its words. */
export const problemOf = ({ status, json }: Answer) => ({
  status,
  code: json.code,
  ...(json.reason === undefined ? {} : { reason: json.reason }),
  ...(json.errors === undefined
    ? {}
    : {
        errors: (json.errors as { pointer: string; code?: string }[]).map(({ pointer, code }) =>
          [pointer, code].filter(Boolean).join(' '),
        ),
      }),
});

export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

type Document = {
  paths: Record<
    string,
    Record<
      string,
      {
        responses: Record<
          string,
          { content?: Record<string, { schema: Record<string, unknown> }> }
        >;
      }
    >
  >;
  components: { schemas: { Problem: Record<string, unknown> } };
};

/** Asks the API of a server; each answer is held against the description it serves. */
export async function openAccountApi(server: TestServer) {
  const base = `${server.issuer}/account/api/v1`;
  const document = (await (await fetch(`${base}/openapi.json`)).json()) as Document;

  /** What the description says of an answer; undefined if it says nothing at all. */
  const described = (method: string, path: string, status: number) => {
    const template = Object.keys(document.paths)
      .filter((known) => Object.hasOwn(document.paths[known] ?? {}, method))
      // The address that is spelled out before the one with a place in it.
      .sort((one, other) => Number(one.includes('{')) - Number(other.includes('{')))
      .find((known) => new RegExp(`^${known.replace('{id}', '[^/]+')}$`).test(path));
    return template && document.paths[template]?.[method]?.responses[String(status)];
  };

  const check = (method: string, path: string, answer: Answer): void => {
    const response = described(method.toLowerCase(), path, answer.status);
    if (!response) throw new Error(`${method} ${path} is not said to answer ${answer.status}`);
    const [[type = '', { schema = {} } = {}] = []] = Object.entries(response.content ?? {});
    if (type === '') {
      if (answer.text !== '') throw new Error(`${method} ${path} was to say nothing`);
      return;
    }
    if (!answer.headers.get('content-type')?.startsWith(type)) {
      throw new Error(`${method} ${path} was to be ${type}: ${answer.text}`);
    }
    const shape = '$ref' in schema ? document.components.schemas.Problem : schema;
    z.fromJSONSchema(shape as Parameters<typeof z.fromJSONSchema>[0]).parse(answer.json);
  };

  const ask = async (
    authorization: string | undefined,
    ...[method, path, body, headers = {}]: Parameters<Ask>
  ): Promise<Answer> => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await answerOf(
      await fetch(base + path, {
        method,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: text }),
      }),
    );
    check(method, path.split('?')[0] ?? '', answer);
    return answer;
  };

  return {
    base,
    document,
    ask,
    with:
      (token: string): Ask =>
      (...request) =>
        ask(`Bearer ${token}`, ...request),
  };
}

/** Signs an owner in at the demo storefront, in their browser, and gives the token it gets. */
export async function tokenOf(
  server: TestServer,
  owner: Owner,
  changes: Record<string, string | undefined> = {},
): Promise<string> {
  const url = authorizeUrl({ scope: ALL, resource: ACCOUNT, ...changes });
  const reply = await owner.answer(await owner.browser.get(url));
  const code = new URL(reply.location ?? '').searchParams.get('code') ?? '';
  const fields = { resource: changes.resource ?? ACCOUNT };
  const { json } = await post(server, '/oauth2/token', redemption(code, fields));
  if (typeof json.access_token !== 'string') throw new Error(JSON.stringify(json));
  return json.access_token;
}
