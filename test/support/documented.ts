/** What the documentation shows, as text to run: a page whose snippets do not work is no help. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));

/** The blocks of a language below a heading, up to the next heading. Throws if there are none. */
export function snippetsOf(page: string, heading: string, language: string): string[] {
  const found: string[] = [];
  let inside = false;
  let fence: { readonly language: string; readonly lines: string[] } | undefined;
  for (const line of readFileSync(join(docs, page), 'utf8').split('\n')) {
    if (fence && line === '```') {
      if (inside && fence.language === language) found.push(`${fence.lines.join('\n')}\n`);
      fence = undefined;
    } else if (fence) fence.lines.push(line);
    else if (line.startsWith('```')) fence = { language: line.slice(3), lines: [] };
    else if (/^#+ /.test(line)) inside = line === heading;
  }
  if (found.length === 0) throw new Error(`${page} shows no ${language} below "${heading}"`);
  return found;
}

/** Puts real values in; throws for what the snippet does not contain, so that nothing is missed. */
export function filledIn(snippet: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [placeholder, value]) => {
    if (!text.includes(placeholder)) throw new Error(`the snippet has no "${placeholder}"`);
    return text.replaceAll(placeholder, value);
  }, snippet);
}
