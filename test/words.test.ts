/** Everything that is said is said in every language: no message is missing, none is left over. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, TYPE } from '@formatjs/icu-messageformat-parser';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LANGUAGE, LANGUAGES, matchLanguage } from '../src/kernel/language.js';
import { catalogueOf } from '../src/words/catalogue.js';
import { wordsIn } from '../src/words/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));

function filesBelow(folder: string, ends: string): { path: string; text: string }[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ends) && !name.startsWith('generated'))
    .map((name) => ({
      path: `${folder}/${name}`,
      text: readFileSync(`${root}${folder}/${name}`, 'utf8'),
    }));
}

const templates = filesBelow('views', '.eta');
const sources = [...templates, ...filesBelow('src', '.ts')];
const english = catalogueOf(DEFAULT_LANGUAGE);
const others = LANGUAGES.filter((language) => language !== DEFAULT_LANGUAGE);

/** The names in a message that its callers fill in, and its tags. */
function holesOf(text: string): string[] {
  const holes = new Set<string>();
  const walk = (elements: ReturnType<typeof parse>): void => {
    for (const element of elements) {
      if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
      holes.add(element.type === TYPE.tag ? `<${element.value}>` : element.value);
      if (element.type === TYPE.tag) walk(element.children);
      if (element.type === TYPE.plural || element.type === TYPE.select) {
        for (const { value } of Object.values(element.options)) walk(value);
      }
    }
  };
  walk(parse(text));
  return [...holes].sort();
}

/** Texts of a template that no message stands behind: between tags, and in spoken attributes. */
function bareWords(template: string): string[] {
  const spoken =
    /\s(?:aria-label|title|alt|placeholder|data-(?:label|required|verifying|verified|held|show|hide|shown|hidden|copied|failed|short|plain|fair|good|great)[a-z-]*)="([^"]*)"/g;
  const html = template.replace(/<%[\s\S]*?%>/g, '\u0001');
  const attributes = [...html.matchAll(spoken)].map(([, value = '']) => value);
  const between = html
    .replace(/<(style|script)[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, '\n')
    .split('\n');
  return [...attributes, ...between]
    .map((words) => words.replaceAll('\u0001', '').trim())
    .filter((words) => /\p{L}{2,}/u.test(words));
}

/** Sentences in the code of a template: strings of several words. */
function codeSentences(template: string): string[] {
  return [...template.matchAll(/<%[\s\S]*?%>/g)].flatMap(([code]) =>
    [...code.matchAll(/'([^'\n]*)'|`([^`]*)`|"([^"\n]*)"/g)]
      .map(([, one, two, three]) => one ?? two ?? three ?? '')
      .filter((text) => /[A-Z]\p{Ll}+(?: |$)|\p{Ll} \p{Ll}+ \p{Ll}/u.test(text)),
  );
}

/** Pages for developers, which speak English alone; and what is not in the catalogue yet. */
const ENGLISH_ONLY = [
  /^views\/dev\//,
  /^views\/home\.eta$/,
  /^views\/(?:recovery|register|email)\//,
];

describe('the catalogue', () => {
  for (const language of others) {
    test(`${language} says all that English says, and nothing else`, () => {
      expect([...catalogueOf(language).keys()].sort()).toEqual([...english.keys()].sort());
    });

    test(`${language} has a place for every value and keeps every tag`, () => {
      for (const [key, text] of catalogueOf(language)) {
        expect({ key, holes: holesOf(text) }).toEqual({
          key,
          holes: holesOf(english.get(key) ?? ''),
        });
      }
    });
  }

  test('holds nothing that would be markup or quoting', () => {
    for (const language of LANGUAGES) {
      for (const [key, text] of catalogueOf(language)) {
        // ASCII apostrophes quote in ICU MessageFormat: "l'{shop}" would show "l{shop}".
        const plain = text.replace(/<\/?(?:a|bdi|strong|em|code|kbd)>/g, '');
        expect({ language, key, odd: plain.match(/['"&<>]|\.\.\.|\s$|^\s|\n/)?.[0] }).toEqual({
          language,
          key,
          odd: undefined,
        });
      }
    }
  });

  test('has every message that is called for', () => {
    const areas = new Set([...english.keys()].map((key) => key.split('.')[0]));
    const isName = (text: string) =>
      areas.has(text.split('.')[0]) && /^[a-z-]+\.[a-z0-9-]+$/.test(text);
    const missing = sources.flatMap(({ path, text }) => {
      const called = [...text.matchAll(/\b(?:t|html)\(\s*(['`])(.*?)\1/g)].map(([, , key]) => key);
      // Some stand in tables, by what they are chosen for.
      const named = [...text.matchAll(/'([^'\n]*)'/g)].map(([, key]) => key);
      return [...called, ...named.filter((key = '') => isName(key))]
        .filter((key = '') => !english.has(key))
        .map((key) => `${path}: ${key}`);
    });
    expect(missing).toEqual([]);
  });

  test('has no message that nobody calls for', () => {
    const said = sources.map(({ text }) => text).join('\n');
    expect([...english.keys()].filter((key) => !said.includes(`'${key}'`))).toEqual([]);
  });

  test('is the only place of words: no template holds any', () => {
    const bare = templates
      .filter(({ path }) => !ENGLISH_ONLY.some((pattern) => pattern.test(path)))
      .flatMap(({ path, text }) =>
        [...bareWords(text), ...codeSentences(text)].map((words) => `${path}: ${words}`),
      );
    expect(bare).toEqual([]);
  });
});

describe('words', () => {
  const words = wordsIn('de');
  const when = new Date('2026-11-22T09:12:00Z');

  test('count, and tell dates, as the language does', () => {
    expect(wordsIn('en').minute(when)).toBe(
      '<time datetime="2026-11-22T09:12:00.000Z">22 November 2026 at 09:12 UTC</time>',
    );
    expect(words.day(when)).toContain('22. November 2026');
    expect(wordsIn('ja').day(when)).toContain('2026年11月22日');
  });

  test('show values and never run them', () => {
    const hostile = `<img src=x onerror=alert(1)>{shop}'"&`;
    expect(words.html('signin.title', { shop: hostile })).toBe(
      'Bei <bdi>&lt;img src=x onerror=alert(1)&gt;{shop}&#39;&quot;&amp;</bdi> anmelden',
    );
    expect(words.t('signin.title', { shop: hostile })).toBe(`Bei ${hostile} anmelden`);
  });

  test('a message that is nowhere is a mistake, not a blank', () => {
    expect(() => words.t('signin.nowhere')).toThrow(/signin\.nowhere/);
  });
});

describe('matching a language', () => {
  test('takes the first wish that can be met, whatever its region', () => {
    expect(matchLanguage('pt-BR de-AT fr')).toBe('de');
    expect(matchLanguage('JA')).toBe('ja');
    expect(matchLanguage('fr-CA, en')).toBe('fr');
  });

  test('finds none in nonsense', () => {
    for (const wish of [undefined, '', ' ', 'xx', 'deutsch', '__proto__', 'x'.repeat(10_000)]) {
      expect(matchLanguage(wish)).toBeUndefined();
    }
  });
});
