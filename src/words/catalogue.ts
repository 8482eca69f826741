/**
 * The messages of every language: `views/messages/<language>/<area>.json`, each a flat object of
 * names and texts in ICU MessageFormat. A message is called by `area.name`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEFAULT_LANGUAGE, LANGUAGES, type Language } from '../kernel/language.js';

const folder = fileURLToPath(new URL('../../views/messages/', import.meta.url));

export type Catalogue = ReadonlyMap<string, string>;

function read(language: Language): Catalogue {
  const messages = new Map<string, string>();
  for (const file of readdirSync(`${folder}${language}`).sort()) {
    const area = file.replace(/\.json$/, '');
    const texts = JSON.parse(readFileSync(`${folder}${language}/${file}`, 'utf8')) as object;
    for (const [name, text] of Object.entries(texts)) messages.set(`${area}.${name}`, text);
  }
  return messages;
}

const catalogues = new Map(LANGUAGES.map((language) => [language, read(language)]));

export function catalogueOf(language: Language): Catalogue {
  return catalogues.get(language) ?? new Map();
}

/**
 * The text of a message, in English where the language lacks it: a test keeps that from being
 * shipped. Throws for a name that is in no catalogue.
 */
export function textOf(language: Language, key: string): string {
  const text = catalogueOf(language).get(key) ?? catalogueOf(DEFAULT_LANGUAGE).get(key);
  if (text === undefined) throw new Error(`There is no message "${key}"`);
  return text;
}
