/** Every page in every state a person can meet, for the browser tests and for the pictures. */
import { pageStates as draw } from '../../src/http/showcase/states/index.js';
import type { Language } from '../../src/kernel/language.js';

export { challengeSecret } from '../../src/http/showcase/states/index.js';

/** On the scripts and stylesheets of every page below, for the content policy. */
export const pageNonce = 'page-states';

const english = await draw({ nonce: pageNonce });
const translated = new Map(
  await Promise.all(
    (['de', 'ja'] as const).map(
      async (language) =>
        [language, await draw({ nonce: pageNonce, language, here: '/account' })] as const,
    ),
  ),
);

/** One of the pages in another language, with the choice of languages at its foot. */
export function pageStateIn(language: Language, name: string): string {
  const page = translated.get(language as 'de' | 'ja')?.[name];
  if (page === undefined) throw new Error(`There is no page ${name} in ${language}`);
  return page;
}

/** The longest words, and the ones without spaces: pages that are drawn in them as well. */
const alsoIn = [
  ...['sign-in-wait', 'code-or-passkey', 'passkey', 'recovery-code-wrong', 'enrol-required-wrong'],
  ...['recovery-codes-not-saved', 'locked', 'ended', 'consent-everything', 'sign-out'],
  ...['consent-payment'],
  ...['signed-out', 'continue', 'error-500', 'recovery-ask', 'register-ask', 'email-code-ask'],
];

export const pageStates: Readonly<Record<string, string>> = {
  ...english,
  ...Object.fromEntries(
    [...translated].flatMap(([language, pages]) =>
      alsoIn.map((name) => [`${language}-${name}`, pages[name] ?? '']),
    ),
  ),
};
