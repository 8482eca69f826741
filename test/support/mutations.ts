/**
 * What can be done to a request by somebody who means harm or does not know better: as data, so
 * that a failure shrinks to the few steps that matter and prints as a sentence.
 */
import fc from 'fast-check';
import type { Outgoing, Parameter } from './outgoing.js';
import {
  BODIES,
  CONTENT_TYPES,
  METHODS,
  MORE_HEADERS,
  MORE_NAMES,
  RAW,
  STRANGE,
} from './strange-values.js';

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
      header: fc.constantFrom(...MORE_HEADERS),
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
