/**
 * JSON from strangers, read in one way only: no name twice in one object (which of the two counts
 * differs from parser to parser, RFC 8259 section 4), no deeper than anything sensible is, and no
 * character that cannot be stored.
 */
import { isStorable } from './storable.js';

export type StrictJson =
  | { readonly kind: 'read'; readonly value: unknown }
  | { readonly kind: 'broken'; readonly fault: string };

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/** Reads a JSON text. `fault` is a sentence for whoever sent it. */
export function parseStrictJson(text: string, maxDepth = 20): StrictJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'broken', fault: 'the body is not valid JSON' };
  }
  const fault = structureFault(text, maxDepth) ?? characterFault(value);
  return fault ? { kind: 'broken', fault } : { kind: 'read', value };
}

/** Looked at when the depth is known: it goes down by calling itself. */
function characterFault(value: unknown): string | undefined {
  return isStorable(value) ? undefined : 'the body holds a character that cannot be stored';
}

/** Walks a text that is known to be JSON: every string before a colon names a member. */
function structureFault(text: string, maxDepth: number): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > maxDepth) return `the body is nested deeper than ${maxDepth} levels`;
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ':') {
      const name = JSON.parse(last) as string;
      const names = open.at(-1);
      if (names?.has(name)) return `${name.slice(0, 100)} stands twice in one object`;
      names?.add(name);
    } else if (token !== ',') {
      last = token;
    }
  }
  return undefined;
}
