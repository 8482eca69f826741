/** What all pages share: the template engine, the assets and the client they stand for. */
import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';
import type { Palette, ThemeColours } from '../../domain/clients/index.js';
import { DEFAULT_LANGUAGE, type Language } from '../../kernel/language.js';
import { wordsIn } from '../../words/index.js';
import { assetUrl } from '../assets.js';
import { httpsLink, localPath } from '../links.js';

const eta = new Eta({
  views: fileURLToPath(new URL('../../../views/', import.meta.url)),
  cache: true,
  autoEscape: true,
});

const assets = {
  css: assetUrl('latchkey.css'),
  js: assetUrl('latchkey.js'),
  mark: assetUrl('mark.svg'),
};

export type PageProps = {
  /** On the page's scripts and stylesheets (CSP level 3). */
  readonly nonce?: string | undefined;
  /** English when nothing is said. */
  readonly language?: Language | undefined;
  /** The page's own path, to which a change of language leads back; without it none is offered. */
  readonly here?: string | undefined;
  /** For the design page: a theme or a direction that the browser and the language do not have. */
  readonly look?: { readonly theme?: 'light' | 'dark'; readonly direction?: 'rtl' } | undefined;
};

/**
 * Draws `views/<template>.eta`. Besides `data` a template has `it.t`, `it.html`, `it.day`,
 * `it.minute`, `it.money` and `it.device` for all that is said (see `words/`).
 */
export function render(template: string, props: PageProps, data: object): string {
  const words = wordsIn(props.language ?? DEFAULT_LANGUAGE);
  const { nonce, here, look } = props;
  return eta.render(template, { ...data, ...words, ...look, assets, nonce, here });
}

/** What a page shows of the application that sent the person here. */
export type ClientBrand = {
  readonly name: string;
  /** Never the client's own address: a picture from elsewhere would tell who signs in when. */
  readonly logo?:
    | { readonly href: string; readonly width: number; readonly height: number }
    | undefined;
  readonly palette?: Palette | undefined;
  readonly policyUri?: string | undefined;
  readonly tosUri?: string | undefined;
};

/** A name on one line, without the invisible characters that could turn a sentence around. */
export function plainName(name: string): string {
  return name
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

export function brandOf(client: ClientBrand) {
  const name = plainName(client.name);
  const letter = name.match(/[\p{L}\p{N}]/u);
  const [first] = graphemes.segment(letter ? name.slice(letter.index) : name);
  const href = localPath(client.logo?.href);
  return {
    name,
    monogram: first?.segment.toUpperCase() ?? '',
    logo: client.logo && href ? { ...client.logo, href } : undefined,
    css: client.palette && cssOf(client.palette),
  };
}

/**
 * The stylesheet's variables once more, in the client's colours. Goes into a style element with
 * the nonce, unescaped: so whatever is not plainly a colour is left out here, although nothing
 * else was ever stored ("</style>" in a colour would end the element).
 */
function cssOf({ light, dark }: Palette): string {
  const set = (colours: ThemeColours) =>
    Object.entries(colours)
      .filter(([name, value]) => /^[a-z-]+$/.test(name) && /^#(?:[0-9a-f]{2}){3,4}$/.test(value))
      .map(([name, value]) => `--${name}:${value}`)
      .join(';');
  return [
    `:root{${set(light)}}`,
    `:root[data-theme="dark"]{${set(dark)}}`,
    `@media (prefers-color-scheme:dark){:root:not([data-theme="light"]){${set(dark)}}}`,
  ].join('');
}

export function linksOf(client: ClientBrand) {
  return { policy: httpsLink(client.policyUri), terms: httpsLink(client.tosUri) };
}
