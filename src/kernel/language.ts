/** The languages Latchkey speaks, and how one is found for somebody who speaks several. */

/** Primary subtags (BCP 47); the first is spoken to whoever speaks none of them. */
export const LANGUAGES = ['en', 'de', 'fr', 'es', 'ja'] as const;

export type Language = (typeof LANGUAGES)[number];

export const DEFAULT_LANGUAGE: Language = 'en';

export function isLanguage(tag: unknown): tag is Language {
  return (LANGUAGES as readonly unknown[]).includes(tag);
}

/**
 * The first of several wishes that can be met: `de-AT` is met by `de` (RFC 4647 section 3.4).
 * `wishes`: language tags in order of preference, separated by spaces as in `ui_locales` (OpenID
 * Connect Core 3.1.2.1). Whatever is no language tag is passed over.
 */
export function matchLanguage(wishes: string | undefined): Language | undefined {
  for (const tag of (wishes ?? '').slice(0, 200).split(/[\s,]+/)) {
    const primary = tag.split('-')[0]?.toLowerCase();
    if (isLanguage(primary)) return primary;
  }
  return undefined;
}
