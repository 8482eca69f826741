/** What shoppers may say of themselves without asking anybody. */
import type { Reader } from './reader.js';

const fields = ['name', 'given_name', 'family_name', 'phone', 'locale'] as const;

export type EditableField = (typeof fields)[number];

const isField = (name: string): name is EditableField =>
  (fields as readonly string[]).includes(name);

/** A comma list of fields; `none` for none at all. */
export function parseProfileFields(value: string): readonly EditableField[] {
  if (value === 'none') return [];
  const names = value
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  const unknown = names.filter((name) => !isField(name));
  if (unknown.length > 0 || names.length === 0) {
    const what = unknown.map((name) => `"${name}"`).join(', ') || 'an empty list';
    throw new Error(`must be "none" or a list of ${fields.join(', ')}, not ${what}`);
  }
  return fields.filter((field) => names.includes(field));
}

export const readProfileFields = (read: Reader): readonly EditableField[] =>
  read.parsed('LATCHKEY_PROFILE_FIELDS', parseProfileFields, fields);
