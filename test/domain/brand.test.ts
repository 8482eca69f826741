/** Brands: which colours people can read, and which files may be a logo. */
import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logoTypeOf, MAX_LOGO_BYTES, readLogo } from '../../src/domain/clients/brand/logo.js';
import { paletteOf, readColour, themes } from '../../src/domain/clients/brand/palette.js';
import { type BrandDraft, describeChange } from '../../src/domain/clients/index.js';
import { demoBrand } from '../../src/flows/demo-brand.js';
import { colours } from '../../src/platform/colours.js';
import { readMarkup } from '../../src/platform/markup.js';
import { addClient, openDomain, type TestDomain } from '../support/domain.js';
import { pngOf } from '../support/png.js';

const { contrast } = colours;
const bytes = (text: string) => new TextEncoder().encode(text);
const svg = (content: string, attributes = 'viewBox="0 0 64 32"') =>
  bytes(`<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${content}</svg>`);
const read = (file: Uint8Array, claimed?: string) => readLogo(file, claimed, readMarkup);
const faultOf = (file: Uint8Array, claimed?: string) => {
  const logo = read(file, claimed);
  return 'fault' in logo ? logo.fault : undefined;
};

describe('the colours of a page', () => {
  // Nine shades of each channel: every corner of what can be chosen, and the middle.
  const shades = ['00', '1a', '33', '66', '80', '99', 'cc', 'e6', 'ff'];
  const some = shades.flatMap((r) => shades.flatMap((g) => shades.map((b) => `#${r}${g}${b}`)));

  const faultsOf = (accent: string | undefined, surface: string | undefined) => {
    const { palette } = paletteOf(colours, { accent, surface });
    return (['light', 'dark'] as const).flatMap((name) => {
      const shown = palette[name];
      const { words, edge } = themes[name];
      const pairs: [string, string, number][] = [
        [shown.accent, shown.surface, 4.5],
        [shown.accent, shown.sunken, 4.5],
        [shown.accent, shown.input, 4.5],
        [shown['accent-text'], shown.accent, 4.5],
        [shown['accent-text'], shown['accent-strong'], 4.5],
        [shown['accent-strong'], shown['accent-soft'], 4.5],
        ...[shown.bg, shown.surface, shown.sunken, shown.input].flatMap((ground) => [
          ...words.map((ink): [string, string, number] => [ink, ground, 4.5]),
          [edge, ground, 3] as [string, string, number],
        ]),
      ];
      return pairs
        .filter(([ink, ground, least]) => contrast(ink, ground) < least)
        .map(([ink, ground]) => `${name} ${accent} ${surface}: ${ink} on ${ground}`);
    });
  };

  test('can be read in both themes, whatever accent was chosen', () => {
    expect(some.flatMap((accent) => faultsOf(accent, undefined))).toEqual([]);
  });

  test('can be read in both themes, whatever ground was chosen', () => {
    const grounds = some.filter((_, at) => at % 5 === 0);
    expect(grounds.flatMap((surface) => faultsOf(undefined, surface))).toEqual([]);
    expect(grounds.flatMap((surface) => faultsOf(surface, surface))).toEqual([]);
  });

  test('are the chosen ones where those can be read', () => {
    const { palette, changes } = paletteOf(colours, { accent: '#8a4f1d', surface: '#fffdf8' });
    expect(palette.light).toMatchObject({ accent: '#8a4f1d', surface: '#fffdf8' });
    expect(changes.filter(({ theme }) => theme === 'light')).toEqual([]);
  });

  test.each([
    ['#ffe600', 'light', 'darker'],
    ['#ff69b4', 'light', 'darker'],
    ['#000000', 'dark', 'lighter'],
    ['#8a4f1d', 'dark', 'lighter'],
  ] as const)(
    '%s is shown in the %s theme, %s, and changed no more than it has to be',
    (given, theme, how) => {
      const { palette, changes } = paletteOf(colours, { accent: given });
      const { accent, surface, sunken, input } = palette[theme];
      const least = Math.min(...[surface, sunken, input].map((ground) => contrast(accent, ground)));
      expect(least).toBeGreaterThanOrEqual(4.5);
      expect(least).toBeLessThan(4.62);
      expect(changes).toEqual([{ colour: 'accent', theme, given, shown: accent }]);
      const before = colours.toLch(given);
      const after = colours.toLch(accent);
      expect(after.lightness < before.lightness ? 'darker' : 'lighter').toBe(how);
      if (before.chroma > 0.05) expect(Math.abs(after.hue - before.hue)).toBeLessThan(6);
    },
  );

  test('that were changed are told to whoever chose them', () => {
    const [change] = paletteOf(colours, { accent: '#ffe600' }).changes;
    expect(change && describeChange(change)).toMatch(
      /^In the light theme the accent #ffe600 is shown as #[0-9a-f]{6}: text in it, and on it, needs a contrast of 4.5:1$/,
    );
  });

  test('without a choice are those of the stylesheet', () => {
    const css = readFileSync(new URL('../../views/assets/latchkey.css', import.meta.url), 'utf8');
    const blocks = {
      light: css.slice(css.indexOf(':root {'), css.indexOf(':root[data-theme="light"]')),
      dark: css.slice(css.indexOf(':root[data-theme="dark"]'), css.indexOf('@media')),
    };
    for (const [name, theme] of Object.entries(themes)) {
      const tokens = new Map(
        [...blocks[name as 'light' | 'dark'].matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(
          ([, token, value]) => [token, value],
        ),
      );
      const { text, muted, danger, ...grounds } = Object.fromEntries(tokens);
      expect(theme.words).toEqual([text, muted, danger]);
      expect(grounds).toMatchObject({ ...theme.ground, edge: theme.edge, accent: theme.accent });
      const { palette } = paletteOf(colours, {});
      expect(palette[name as 'light' | 'dark'].accent).toBe(theme.accent);
    }
  });

  test.each([
    'red',
    '#fff',
    '#ffe60080',
    'ffe600',
    ' #ffe600',
    '#ffe600\n',
    '#ffe600;}',
    '#000;background:url(//x)',
    '</style><script>alert(1)</script>',
    'var(--x)',
    '#gggggg',
    '#ﬀe600',
  ])('are never %j', (value) => {
    expect(readColour(value)).toBeUndefined();
  });

  test('may be written in capitals', () => {
    expect(readColour('#FFE600')).toBe('#ffe600');
  });
});

describe('an SVG may be a logo', () => {
  const good: readonly (readonly [string, Uint8Array])[] = [
    ['of the demo shop', demoBrand.logo?.bytes ?? bytes('')],
    ['with shapes', svg('<g><path d="M0 0h8v8z"/><circle cx="4" cy="4" r="2"/></g>')],
    [
      'with a gradient',
      svg(
        '<defs><linearGradient id="a"><stop offset="0" stop-color="#f00"/></linearGradient></defs><rect width="8" height="8" fill="url(#a)"/>',
      ),
    ],
    [
      'with a style of its own',
      svg(
        '<style>.a{fill:#123456}@media (prefers-color-scheme:dark){.a{fill:#fff}}</style><path class="a" d="M0 0h8z"/>',
      ),
    ],
    [
      'that draws a thing twice',
      svg(
        '<defs><path id="p" d="M0 0h8z"/></defs><use href="#p"/><use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="#p" x="9"/>',
      ),
    ],
    [
      'with an XML declaration',
      bytes(
        '<?xml version="1.0" encoding="utf-8"?><svg xmlns="http://www.w3.org/2000/svg" width="10px" height="10" viewBox="0 0 1 1"/>',
      ),
    ],
    ['with comments and a title', svg('<!-- drawn by hand --><title>Alder &amp; Oak</title>')],
  ];
  test.each(good)('%s', (_what, file) => {
    expect(faultOf(file)).toBeUndefined();
  });

  test('and its proportions are kept', () => {
    expect(read(svg('', 'viewBox="0 0 3 1.5"'))).toMatchObject({ width: 512, height: 256 });
    expect(read(svg('', 'viewBox="0,0,1000,2000"'))).toMatchObject({ width: 256, height: 512 });
    expect(read(svg('', 'width="100%" height="1em" viewBox="0 0 8 8"'))).toMatchObject({
      width: 512,
      height: 512,
    });
  });
});

describe('a hostile SVG is refused', () => {
  const bomb = `<defs><g id="a"><path d="M0 0h1z"/></g>${'bcdefgh'
    .split('')
    .map((id, at) => `<g id="${id}">${`<use href="#${'abcdefg'[at]}"/>`.repeat(8)}</g>`)
    .join('')}</defs>`;
  const bad: readonly (readonly [what: string, Uint8Array, RegExp])[] = [
    ['a script', svg('<script>alert(1)</script>'), /<script>.*must not run/],
    [
      'a script under another prefix',
      svg('<s:script xmlns:s="http://www.w3.org/2000/svg"/>'),
      /<script>/,
    ],
    ['a script of XHTML', svg('<script xmlns="http://www.w3.org/1999/xhtml"/>'), /<script>/],
    [
      'HTML',
      svg('<foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>'),
      /<foreignObject>/,
    ],
    ['an event handler', svg('<path onclick="alert(1)"/>'), /event handler onclick/],
    [
      'an event handler of the root',
      svg('', 'viewBox="0 0 8 8" onload="alert(1)"'),
      /event handler onload/,
    ],
    ['a picture from elsewhere', svg('<image href="https://evil.example/x.png"/>'), /<image>/],
    ['a shape from elsewhere', svg('<use href="https://evil.example/x.svg#a"/>'), /refers to href/],
    [
      'a shape by an old link',
      svg('<use xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="//evil.example/x#a"/>'),
      /refers to xlink:href/,
    ],
    ['another base', svg('<g xml:base="https://evil.example/"/>'), /refers to xml:base/],
    ['a link', svg('<a href="#x"/>'), /<a>/],
    [
      'an animation that writes links',
      svg('<set attributeName="href" to="javascript:alert(1)"/>'),
      /<set>/,
    ],
    [
      'a fill from elsewhere',
      svg('<path fill="url(https://evil.example/x#a)"/>'),
      /outside itself/,
    ],
    [
      'a style from elsewhere',
      svg('<path style="fill:url(\'//evil.example\')"/>'),
      /outside itself/,
    ],
    ['an imported sheet', svg('<style>@import "https://evil.example/x.css";</style>'), /@ rule/],
    ['a font from elsewhere', svg('<style>@font-face{src:url(//evil.example)}</style>'), /@ rule/],
    [
      'an image of a sheet',
      svg('<style>path{fill:image-set("//evil.example" 1x)}</style>'),
      /outside itself/,
    ],
    [
      'an escape that hides a url',
      svg('<style>path{fill:\\75rl(//evil.example)}</style>'),
      /backslash/,
    ],
    [
      'a url taken apart by a comment',
      svg('<style>path{fill:ur<!-- -->l(//evil.example)}</style>'),
      /outside itself/,
    ],
    [
      'a url taken apart by CDATA',
      svg('<style>path{fill:u<![CDATA[rl(//evil.example)]]></style>'),
      /outside itself/,
    ],
    ['a sheet in CDATA', svg('<style><![CDATA[@import "//evil.example";]]></style>'), /@ rule/],
    [
      'a linked sheet',
      bytes(
        '<?xml-stylesheet href="//evil.example"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"/>',
      ),
      /<\?xml-stylesheet/,
    ],
    [
      'entities',
      bytes(
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">&a;</svg>',
      ),
      /DOCTYPE|well-formed/,
    ],
    [
      'a document type',
      bytes('<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"/>'),
      /DOCTYPE/,
    ],
    [
      'another encoding',
      bytes(
        '<?xml version="1.0" encoding="UTF-7"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"/>',
      ),
      /UTF-7/,
    ],
    ['UTF-16', new Uint8Array([0xff, 0xfe, 0x3c, 0x00, 0xff]), /UTF-8/],
    ['shapes that multiply', svg(bomb), /more than 20 times/],
    ['masks that multiply', svg('<g mask="url(#a)"/>'.repeat(21)), /more than 20 times/],
    ['masks out of sight', svg('<style>*{mask:url(#a)}</style>'), /as attributes/],
    ['a filter', svg('<filter id="f"/>'), /<filter>/],
    ['a filter by name', svg('<path filter="blur(999px)"/>'), /no filters/],
    [
      'data of a drawing program',
      svg('<sodipodi:namedview xmlns:sodipodi="http://sodipodi.sourceforge.net/x"/>'),
      /plain SVG/,
    ],
    [
      'no end',
      bytes('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><g>'),
      /well-formed/,
    ],
    ['HTML as a whole', bytes('<html><script>alert(1)</script></html>'), /no SVG/],
    ['no namespace', bytes('<svg viewBox="0 0 8 8"/>'), /no SVG/],
    ['nothing', bytes(''), /empty/],
    ['text', bytes('GIF89a'), /well-formed/],
    ['no size', svg('', ''), /viewBox/],
    ['the size of nothing', svg('', 'viewBox="0 0 0 8"'), /viewBox/],
    ['the shape of a line', svg('', 'viewBox="0 0 900 100"'), /8 times/],
  ];
  test.each(bad)('that holds %s', (_what, file, reason) => {
    expect(faultOf(file)).toMatch(reason);
  });

  test('and the reason carries nothing to a terminal', () => {
    const fault = faultOf(svg(`<path onload="${'x'.repeat(200)}\u202e\u0085"/>`)) ?? '';
    expect(fault.length).toBeLessThan(120);
    expect(fault).not.toMatch(/\p{Cc}|\p{Cf}/u);
  });
});

describe('a PNG', () => {
  test('may be a logo', () => {
    expect(read(pngOf(200, 50))).toMatchObject({ type: 'image/png', width: 200, height: 50 });
  });

  const whole = pngOf(64, 64);
  const cases: readonly (readonly [what: string, Uint8Array, RegExp])[] = [
    ['too small', pngOf(15, 64), /15 × 64 pixels/],
    ['too large', pngOf(2049, 1024), /2049 × 1024 pixels/],
    ['as long as a line', pngOf(900, 100), /8 times/],
    ['cut off', whole.slice(0, -6), /cut off/],
    [
      'followed by another file',
      new Uint8Array([...whole, ...bytes('<script>')]),
      /behind its end/,
    ],
    ['that moves', pngOf(64, 64, ['acTL', deflateSync('x')]), /moves/],
    [
      'with a length that lies',
      new Uint8Array([...whole.slice(0, 8), 255, 255, 255, 255, ...whole.slice(12)]),
      /cut off/,
    ],
  ];
  test.each(cases)('%s is refused', (_what, file, reason) => {
    expect(faultOf(file)).toMatch(reason);
  });

  test('and an SVG are told apart by what they are, not by what they are called', () => {
    expect(logoTypeOf(whole)).toBe('image/png');
    expect(faultOf(whole, 'image/svg+xml')).toMatch(/that is not what it is/);
    expect(faultOf(svg(''), 'image/png')).toMatch(/that is not what it is/);
  });
});

test('a logo of more than 64 KiB is refused, one of exactly that is not', () => {
  const frame = svg('<title></title>').length;
  const fitting = svg(`<title>${'x'.repeat(MAX_LOGO_BYTES - frame)}</title>`);
  expect(fitting.length).toBe(MAX_LOGO_BYTES);
  expect(faultOf(fitting)).toBeUndefined();
  expect(faultOf(new Uint8Array([...fitting, 32]))).toMatch(/more than 64 KiB/);
});

describe('a brand in the database', () => {
  let opened: TestDomain;
  beforeAll(async () => {
    opened = await openDomain();
    await addClient(opened, 'shop');
    await addClient(opened, 'other');
  });
  afterAll(() => opened.close());

  const save = async (draft: BrandDraft, id = 'shop') => {
    const result = opened.domain.clients.readBrand(draft);
    if (result.kind === 'bad') return result.faults;
    return opened.transact(({ clients }) => clients.saveBrand(id, result.change));
  };
  const find = (id = 'shop') => opened.domain.clients.findBrand(id);

  test('is kept part by part, and is gone with its last part', async () => {
    expect(await find()).toBeUndefined();
    expect(await save({ accent: '#FFE600' })).toBe(true);
    expect(await find()).toMatchObject({ accent: '#ffe600', surface: undefined, logo: undefined });
    expect(await save({ logo: { bytes: svg('') } })).toBe(true);
    const brand = await find();
    expect(brand).toMatchObject({ accent: '#ffe600', logo: { width: 512, height: 256 } });
    const logo = await opened.domain.clients.findLogo(brand?.logo?.sha256 ?? '');
    expect(logo?.type).toBe('image/svg+xml');
    expect(Buffer.from(logo?.bytes ?? []).equals(Buffer.from(svg('')))).toBe(true);
    expect(await find('other')).toBeUndefined();
    await save({ accent: null });
    expect(await find()).toMatchObject({ accent: undefined, palette: undefined });
    await save({ logo: null });
    expect(await find()).toBeUndefined();
    expect(await opened.sql('SELECT 1 FROM client_brands')).toEqual([]);
  });

  test('tells every fault at once, by its field', async () => {
    const faults = await save({ accent: 'red', surface: '#12', logo: { bytes: bytes('x') } });
    expect(faults).toMatchObject([{ field: 'accent' }, { field: 'surface' }, { field: 'logo' }]);
  });

  test('belongs to a client that there is', async () => {
    expect(await save({ accent: '#ffe600' }, 'nobody')).toBe(false);
  });

  test('takes no colour that is none, whoever writes it', async () => {
    await save({ accent: '#123456' });
    for (const column of ['accent', 'surface']) {
      await expect(
        opened.sql(`UPDATE client_brands SET ${column} = '#000;}</style>'`),
      ).rejects.toThrow(/client_brands_colours/);
    }
    await expect(
      opened.sql("UPDATE client_brands SET logo = 'x', logo_type = 'text/html'"),
    ).rejects.toThrow(/client_brands_logo/);
  });

  test('goes with its client', async () => {
    await save({ accent: '#123456' }, 'other');
    await opened.sql("DELETE FROM clients WHERE id = 'other'");
    expect(await opened.sql("SELECT 1 FROM client_brands WHERE client_id = 'other'")).toEqual([]);
  });
});
