/** A request as it goes over the wire, written out so far that anything in it can be changed. */
import { type WireReply, wire } from './protocol.js';
import type { TestServer } from './server.js';

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

/** Sends it to a server, just as it stands. */
export function send(
  server: Pick<TestServer, 'issuer' | 'port'>,
  request: Outgoing,
): Promise<WireReply> {
  const { method, path, carrier, parameters } = request;
  const text = written(parameters);
  const target = carrier === 'query' && text ? `${path}?${text}` : path;
  const body = request.body ?? (carrier === 'form' ? text : undefined);
  const headers: Record<string, string | string[]> = { host: new URL(server.issuer).host };
  for (const [name, value] of request.headers) {
    const earlier = headers[name];
    headers[name] = earlier === undefined ? value : [earlier, value].flat();
  }
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  return wire(server.port, {
    method,
    path: target,
    headers,
    ...(body === undefined ? {} : { body }),
  });
}
