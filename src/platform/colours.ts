/**
 * Colour arithmetic: contrast as WCAG 2.2 defines it, and OKLCH, in which a colour can be made
 * lighter or darker without becoming another one. Which colour is good enough for what is the
 * clients' business.
 */
import { createRequire } from 'node:module';

// Its one bundled file instead of the hundred and fifty that `import` would read at every start.
const { converter, formatHex, parse, toGamut, wcagContrast } = createRequire(import.meta.url)(
  'culori',
) as typeof import('culori');

const toOklch = converter('oklch');
// The mapping of CSS Color 4, section 13: lightness and hue stay, chroma gives way.
const intoSrgb = toGamut('rgb', 'oklch');

/** Lightness from 0 to 1, chroma from 0 (grey) to about 0.37, hue in degrees. */
export type Lch = { readonly lightness: number; readonly chroma: number; readonly hue: number };

export type Colours = {
  /** From 1 to 21 (WCAG 2.2, "contrast ratio"). */
  contrast(one: string, other: string): number;
  /** What `#rrggbb` is in OKLCH. */
  toLch(hex: string): Lch;
  /** The nearest `#rrggbb` that a screen can show. */
  fromLch(colour: Lch): string;
};

export const colours: Colours = {
  contrast: (one, other) => wcagContrast(one, other),

  toLch(hex) {
    const { l, c, h } = toOklch(parse(hex)) ?? { l: 0, c: 0, h: 0 };
    return { lightness: l, chroma: c, hue: h ?? 0 };
  },

  fromLch: ({ lightness, chroma, hue }) =>
    formatHex(intoSrgb({ mode: 'oklch', l: lightness, c: chroma, h: hue })),
};
