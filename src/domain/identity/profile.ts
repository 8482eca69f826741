/**
 * What a person says of themself: which fields there are, and what may stand in them. Everything
 * is optional, nothing is asked for that no shop needs (GDPR article 5(1)(c)), and no field may
 * carry what would change the words around it on somebody else's page.
 */
import { isLanguage } from '../../kernel/language.js';
import { type ProfileField, profileFields } from '../../kernel/profile-fields.js';
import type { Profile } from './personal-data.js';

export { type ProfileField, profileFields } from '../../kernel/profile-fields.js';

/** What was typed, by field. */
export type ProfileInput = Partial<Readonly<Record<ProfileField, string>>>;

/** Why a value is not taken. */
export type ProfileFault = {
  readonly field: ProfileField;
  readonly code: 'too-long' | 'not-plain' | 'not-a-number' | 'not-a-language';
};

export const LONGEST_NAME = 100;

const keys = {
  name: 'name',
  given_name: 'givenName',
  family_name: 'familyName',
  phone: 'phone',
  locale: 'locale',
} as const satisfies Record<ProfileField, keyof Profile>;

// Control characters, line breaks, marks that turn the direction of what follows, half characters.
const HIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/u;
// ITU-T E.164: a country code that does not begin with zero, fifteen digits in all.
const E164 = /^\+[1-9][0-9]{6,14}$/;
// How people write a number down, none of which is part of it (RFC 3966 section 5.1.1).
const SEPARATORS = /[\s().\-/]/gu;
const LONGEST_TYPED = 40;

/** The value of a field, empty if there is none. */
export const profileValue = (profile: Profile, field: ProfileField): string =>
  profile[keys[field]] ?? '';

/**
 * Looks at what was typed. An empty field is one that its owner wants to be without.
 *
 * @returns every fault, or a function that puts the values into a profile and tells which fields
 *   are others by that
 */
export function readProfile(
  input: ProfileInput,
):
  | { readonly kind: 'refused'; readonly faults: readonly ProfileFault[] }
  | { readonly kind: 'good'; readonly apply: ProfileChange } {
  const faults: ProfileFault[] = [];
  const values = new Map<ProfileField, string>();
  for (const field of profileFields) {
    const typed = input[field];
    if (typed === undefined) continue;
    const read = readers[field](typed);
    if (typeof read === 'string') values.set(field, read);
    else faults.push({ field, ...read });
  }
  if (faults.length > 0) return { kind: 'refused', faults };
  return { kind: 'good', apply: (profile) => applyValues(profile, values) };
}

export type ProfileChange = (profile: Profile) => {
  readonly profile: Profile;
  /** Whose values are others now. */
  readonly changed: readonly ProfileField[];
};

type Read = string | { readonly code: ProfileFault['code'] };

function readName(typed: string): Read {
  const name = typed.normalize('NFC').trim();
  if (HIDDEN.test(name)) return { code: 'not-plain' };
  // Graphemes would be fairer and have no bound: one of them may be a kilobyte.
  return name.length > LONGEST_NAME ? { code: 'too-long' } : name;
}

function readPhone(typed: string): Read {
  if (typed.length > LONGEST_TYPED) return { code: 'not-a-number' };
  const number = typed.normalize('NFKC').trim();
  if (HIDDEN.test(number)) return { code: 'not-plain' };
  const digits = number.replace(SEPARATORS, '');
  return digits === '' || E164.test(digits) ? digits : { code: 'not-a-number' };
}

/** Empty: as the browser says. */
const readLocale = (typed: string): Read =>
  typed === '' || isLanguage(typed) ? typed : { code: 'not-a-language' };

const readers: Readonly<Record<ProfileField, (typed: string) => Read>> = {
  name: readName,
  given_name: readName,
  family_name: readName,
  phone: readPhone,
  locale: readLocale,
};

function applyValues(profile: Profile, values: ReadonlyMap<ProfileField, string>) {
  const next: Partial<Record<keyof Profile, string>> = { ...profile };
  const changed: ProfileField[] = [];
  for (const [field, value] of values) {
    if (profileValue(profile, field) === value) continue;
    changed.push(field);
    if (value === '') delete next[keys[field]];
    else next[keys[field]] = value;
  }
  // Every value has been through its reader.
  return { profile: next as Profile, changed };
}
