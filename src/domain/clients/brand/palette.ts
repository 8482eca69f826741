/**
 * The colours of a client's pages, from the one or two it chose. Text on the accent, and the
 * accent as text on every ground it stands on, reach 4.5:1 in both themes (WCAG 2.2, 1.4.3);
 * edges reach 3:1 (1.4.11). A colour that falls short keeps its hue and becomes darker, on a dark
 * ground lighter, until it passes: black passes on every light ground and white on every dark
 * one, so there is always an answer.
 */

/** Colour arithmetic, as the platform provides it. */
export type ColourScience = {
  contrast(one: string, other: string): number;
  toLch(hex: string): Lch;
  fromLch(colour: Lch): string;
};
type Lch = { readonly lightness: number; readonly chroma: number; readonly hue: number };

export type ThemeName = 'light' | 'dark';
/** Names are those of the stylesheet's variables; values are `#rrggbb`, glow has two digits more. */
export type ThemeColours = {
  readonly bg: string;
  readonly surface: string;
  readonly sunken: string;
  readonly input: string;
  readonly accent: string;
  readonly 'accent-strong': string;
  readonly 'accent-text': string;
  readonly 'accent-soft': string;
  readonly glow: string;
};
export type Palette = Readonly<Record<ThemeName, ThemeColours>>;

/** A colour that is not shown as it was given. */
export type ColourChange = {
  readonly colour: 'accent' | 'surface';
  readonly theme: ThemeName;
  readonly given: string;
  readonly shown: string;
};

const TEXT_CONTRAST = 4.5;
const EDGE_CONTRAST = 3;
// A ground is looked through, not at: what is moved far loses most of its colour.
const CALM_CHROMA = 0.02;

type Theme = {
  /** Towards which lightness a colour moves to become readable, and a ground to carry text. */
  readonly ink: 0 | 1;
  readonly ground: Pick<ThemeColours, 'bg' | 'surface' | 'sunken' | 'input'>;
  /** What the stylesheet writes on every ground. */
  readonly words: readonly string[];
  readonly edge: string;
  readonly accent: string;
  /** How much less light than the surface. */
  readonly steps: { readonly bg: number; readonly sunken: number; readonly input: number };
  readonly soft: { readonly lightness: number; readonly chroma: number };
  readonly glow: string;
};

/** The page's own colours: a test holds them equal to the stylesheet's. */
export const themes: Readonly<Record<ThemeName, Theme>> = {
  light: {
    ink: 0,
    ground: { bg: '#f6f5f1', surface: '#ffffff', sunken: '#f8f7f4', input: '#ffffff' },
    words: ['#191d1b', '#575e5a', '#ab231b'],
    edge: '#858b86',
    accent: '#0f5f53',
    steps: { bg: 0.03, sunken: 0.02, input: -0.02 },
    soft: { lightness: 0.945, chroma: 0.03 },
    glow: '0d',
  },
  dark: {
    ink: 1,
    ground: { bg: '#0a0e0d', surface: '#161c1a', sunken: '#101514', input: '#0f1413' },
    words: ['#edf0ee', '#a5aeaa', '#ff9d93'],
    edge: '#6f7a75',
    accent: '#62d0b6',
    steps: { bg: 0.06, sunken: 0.03, input: 0.035 },
    soft: { lightness: 0.29, chroma: 0.03 },
    glow: '17',
  },
};

const HEX = /^#[0-9a-f]{6}$/i;

/** `#RRGGBB` in small letters; undefined for anything else, however a browser would read it. */
export function readColour(value: string): string | undefined {
  return HEX.test(value) ? value.toLowerCase() : undefined;
}

type Chosen = { readonly accent?: string | undefined; readonly surface?: string | undefined };

/** All colours of both themes, and which of the chosen ones had to give way. */
export function paletteOf(
  science: ColourScience,
  chosen: Chosen,
): { readonly palette: Palette; readonly changes: readonly ColourChange[] } {
  const changes: ColourChange[] = [];
  const themed = (name: ThemeName): ThemeColours => {
    const colours = themeOf(science, themes[name], chosen);
    for (const colour of ['accent', 'surface'] as const) {
      const given = chosen[colour];
      const shown = colours[colour];
      if (given && given !== shown) changes.push({ colour, theme: name, given, shown });
    }
    return colours;
  };
  return { palette: { light: themed('light'), dark: themed('dark') }, changes };
}

function themeOf(science: ColourScience, theme: Theme, chosen: Chosen): ThemeColours {
  const { contrast, toLch, fromLch } = science;
  const ground = chosen.surface ? groundOf(science, theme, chosen.surface) : theme.ground;
  const readable = (colour: string, grounds: readonly string[]) =>
    grounds.every((one) => contrast(colour, one) >= TEXT_CONTRAST);

  const accent = moved(science, chosen.accent ?? theme.accent, theme.ink, (colour) =>
    readable(colour, [ground.surface, ground.sunken, ground.input]),
  );
  const { lightness, chroma, hue } = toLch(accent);
  const soft = fromLch({
    lightness: theme.soft.lightness,
    chroma: Math.min(theme.soft.chroma, chroma),
    hue,
  });
  // Where the accent is at the end of the scale already, the other way shows a difference too.
  const step =
    theme.ink === 0 ? (lightness < 0.25 ? 0.25 : -0.08) : lightness > 0.92 ? -0.08 : 0.06;
  const strong = moved(
    science,
    fromLch({ lightness: lightness + step, chroma, hue }),
    theme.ink,
    (colour) => readable(colour, [soft, ground.surface]),
  );
  const tinted = fromLch({ lightness: 0.2, chroma: Math.min(chroma, 0.04), hue });
  const text = ['#ffffff', tinted, '#000000'].find((ink) => readable(ink, [accent, strong]));
  return {
    ...ground,
    accent,
    'accent-strong': strong,
    // Unreachable: what stands out from the ground, the ground's opposite stands out from.
    'accent-text': text ?? (theme.ink === 0 ? '#ffffff' : '#000000'),
    'accent-soft': soft,
    glow: `${accent}${theme.glow}`,
  };
}

/** A ground of the client's hue on which everything the stylesheet writes can be read. */
function groundOf(science: ColourScience, theme: Theme, surface: string): Theme['ground'] {
  const { contrast, toLch, fromLch } = science;
  const around = (colour: string): Theme['ground'] => {
    const lch = toLch(colour);
    const by = (step: number) =>
      fromLch({ ...lch, lightness: Math.min(1, Math.max(0, lch.lightness - step)) });
    const { bg, sunken, input } = theme.steps;
    return { surface: colour, bg: by(bg), sunken: by(sunken), input: by(input) };
  };
  const carries = (colour: string) =>
    Object.values(around(colour)).every(
      (ground) =>
        theme.words.every((ink) => contrast(ink, ground) >= TEXT_CONTRAST) &&
        contrast(theme.edge, ground) >= EDGE_CONTRAST,
    );
  const end = theme.ink === 0 ? 1 : 0;
  return around(moved(science, surface, end, carries, CALM_CHROMA));
}

/** `colour`, or the nearest of its hue towards `end` that will do. */
function moved(
  { toLch, fromLch }: ColourScience,
  colour: string,
  end: 0 | 1,
  willDo: (colour: string) => boolean,
  mostChroma = 1,
): string {
  if (willDo(colour)) return colour;
  const { lightness, chroma, hue } = toLch(colour);
  const at = (share: number) =>
    fromLch({
      lightness: lightness + (end - lightness) * share,
      chroma: Math.min(chroma, mostChroma),
      hue,
    });
  // Halving: what will do on the right, what will not on the left.
  let fails = 0;
  let passes = 1;
  for (let turn = 0; turn < 12; turn += 1) {
    const middle = (fails + passes) / 2;
    if (willDo(at(middle))) passes = middle;
    else fails = middle;
  }
  return at(passes);
}
