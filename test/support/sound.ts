/** What a sound request is to the tests that break it, and how one is written down. */
import type { Outgoing, Parameter } from './outgoing.js';
import type { Fields, WireReply } from './protocol.js';

export type Sound = Outgoing & {
  /** Whether the answer gave what was asked for. */
  readonly succeeded: (reply: WireReply) => boolean;
  /** Parameters that must arrive exactly once, as they are here; otherwise nothing is given. */
  readonly needs: readonly string[];
  /** Headers whose first value must arrive as it is here. */
  readonly proofs: readonly string[];
  /** What is used up by it: asked again, it is refused. */
  readonly once?: true;
};

const listed = (fields: Fields): Parameter[] =>
  Object.entries(fields).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => ({ name, value: one as string })),
  );
const FORM = ['content-type', 'application/x-www-form-urlencoded'] as const;
export const JSON_PLEASE = ['accept', 'application/json'] as const;
export const PAGE_PLEASE = ['accept', 'text/html'] as const;

const hasToken = ({ json }: WireReply) => typeof json.access_token === 'string';
export const codeIn = ({ headers, text }: WireReply) =>
  /[?&]code=/.test(headers.location ?? '') || /name="code" value="/.test(text);

/** A form, with what proves the sender in headers. */
export const posted = (
  path: string,
  fields: Fields,
  proofs: Readonly<Record<string, string>>,
  more: Pick<Sound, 'succeeded' | 'needs'> & { once?: true },
): Sound => ({
  method: 'POST',
  path,
  carrier: 'form',
  parameters: listed(fields),
  headers: [FORM, JSON_PLEASE, ...Object.entries(proofs)],
  proofs: Object.keys(proofs),
  ...more,
});

/** A page or an answer that is asked for by its address. */
export const asked = (path: string, fields: Fields, more: Partial<Sound> = {}): Sound => ({
  method: 'GET',
  path,
  carrier: 'query',
  parameters: listed(fields),
  headers: [PAGE_PLEASE],
  needs: [],
  proofs: [],
  succeeded: ({ status }) => status === 200,
  ...more,
});

/** At the token endpoint. */
export const token = (fields: Fields, needs: readonly string[], proofs = {}, once = {}) =>
  posted('/oauth2/token', fields, proofs, { succeeded: hasToken, needs, ...once });
