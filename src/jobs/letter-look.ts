/** The colours and the picture of a letter: those of the shop it is about, as on its pages. */
import type { Palette } from '../domain/clients/index.js';
import type { LetterBrand } from '../flows/send-letter.js';

type Colours = Readonly<
  Record<'bg' | 'surface' | 'text' | 'muted' | 'line' | 'accent' | 'accent-text', string>
>;
export type LetterLook = {
  readonly colours: { readonly light: Colours; readonly dark: Colours };
  readonly logo:
    | { readonly bytes: Uint8Array; readonly width: number; readonly height: number }
    | undefined;
};

/** The stylesheet's own: a test holds them equal. */
export const letterColours = {
  light: {
    bg: '#f6f5f1',
    surface: '#ffffff',
    text: '#191d1b',
    muted: '#575e5a',
    line: '#e3e1d9',
    accent: '#0f5f53',
    'accent-text': '#ffffff',
  },
  dark: {
    bg: '#0a0e0d',
    surface: '#161c1a',
    text: '#edf0ee',
    muted: '#a5aeaa',
    line: '#2a322f',
    accent: '#62d0b6',
    'accent-text': '#04211b',
  },
} as const satisfies Record<'light' | 'dark', Colours>;

const HIGH = 48;
const WIDE = 240;

/** As on the pages: 48 pixels high, or as wide as there is room if it is very wide. */
function sizeOf({ width, height }: { readonly width: number; readonly height: number }) {
  const scale = Math.min(HIGH / height, WIDE / width);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

function themed(own: Colours, palette: Palette['light'] | undefined): Colours {
  if (!palette) return own;
  const { bg, surface, accent } = palette;
  return { ...own, bg, surface, accent, 'accent-text': palette['accent-text'] };
}

export function lookOf(brand: LetterBrand | undefined): LetterLook {
  const { palette, logo } = brand ?? {};
  return {
    colours: {
      light: themed(letterColours.light, palette?.light),
      dark: themed(letterColours.dark, palette?.dark),
    },
    logo: logo && { bytes: logo.bytes, ...sizeOf(logo) },
  };
}
