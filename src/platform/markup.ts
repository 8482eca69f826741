/**
 * Reads XML the way a browser reads SVG: strictly. What is not well-formed is nothing, and no
 * entity is ever expanded, because a document type is reported and not obeyed. What may stand in
 * a document is the business of whoever asked.
 */
import { SaxesParser } from 'saxes';

export type MarkupAttribute = {
  readonly name: string;
  readonly local: string;
  readonly value: string;
};

export type MarkupPart =
  | {
      readonly kind: 'element';
      readonly name: string;
      readonly local: string;
      readonly namespace: string;
      readonly depth: number;
      readonly attributes: readonly MarkupAttribute[];
    }
  /** Text and CDATA, with the name of the element it stands in. */
  | { readonly kind: 'text'; readonly within: string; readonly text: string }
  | { readonly kind: 'declaration'; readonly encoding: string | undefined }
  | { readonly kind: 'doctype' }
  | { readonly kind: 'instruction'; readonly target: string };

export type Markup =
  | { readonly kind: 'well-formed'; readonly parts: readonly MarkupPart[] }
  | { readonly kind: 'broken'; readonly where: string };

export type ReadMarkup = (text: string) => Markup;

export const readMarkup: ReadMarkup = (text) => {
  const parts: MarkupPart[] = [];
  const open: string[] = [];
  let broken: string | undefined;
  const parser = new SaxesParser({ xmlns: true });
  parser.on('error', (error) => {
    // The first one is the fault; what follows is its consequence.
    broken ??= error.message;
  });
  parser.on('xmldecl', ({ encoding }) => parts.push({ kind: 'declaration', encoding }));
  parser.on('doctype', () => parts.push({ kind: 'doctype' }));
  parser.on('processinginstruction', ({ target }) => parts.push({ kind: 'instruction', target }));
  parser.on('opentag', ({ name, local, uri, attributes }) => {
    parts.push({
      kind: 'element',
      name,
      local,
      namespace: uri,
      depth: open.length,
      attributes: Object.values(attributes).map((one) => ({
        name: one.name,
        local: one.local,
        value: one.value,
      })),
    });
    open.push(local);
  });
  parser.on('closetag', () => open.pop());
  const keep = (content: string) =>
    parts.push({ kind: 'text', within: open.at(-1) ?? '', text: content });
  parser.on('text', keep);
  parser.on('cdata', keep);
  parser.write(text).close();
  return broken === undefined
    ? { kind: 'well-formed', parts }
    : { kind: 'broken', where: broken.slice(0, 120) };
};
