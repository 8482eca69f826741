/**
 * Which SVG may be a logo. It is only ever shown through `<img>`, where browsers run nothing and
 * load nothing (SVG 2, section 2.7.1, "secure static mode"), and served under a policy that says
 * the same; but a file outlives the page it was made for, and gets opened by itself. So what
 * could run, load or never end is refused when it arrives, and the reason says what to take out.
 */

/** One thing in a document, as the platform reads it: strictly, and without entities. */
export type MarkupPart =
  | {
      readonly kind: 'element';
      readonly name: string;
      readonly local: string;
      readonly namespace: string;
      readonly depth: number;
      readonly attributes: readonly {
        readonly name: string;
        readonly local: string;
        readonly value: string;
      }[];
    }
  | { readonly kind: 'text'; readonly within: string; readonly text: string }
  | { readonly kind: 'declaration'; readonly encoding: string | undefined }
  | { readonly kind: 'doctype' }
  | { readonly kind: 'instruction'; readonly target: string };

export type ReadMarkup = (
  text: string,
) =>
  | { readonly kind: 'well-formed'; readonly parts: readonly MarkupPart[] }
  | { readonly kind: 'broken'; readonly where: string };

export type PictureSize = { readonly width: number; readonly height: number };

type Element = Extract<MarkupPart, { kind: 'element' }>;

const SVG = 'http://www.w3.org/2000/svg';
// Shapes, their paint and their names. No <a>, no <image>, nothing that moves or filters.
const ELEMENTS: ReadonlySet<string> = new Set(
  `svg g defs symbol use title desc path rect circle ellipse line polyline polygon text tspan
   linearGradient radialGradient stop clipPath mask style`.split(/\s+/),
);
// Things drawn by reference draw again: twenty that are nested as badly as can be make a few
// thousand shapes, two hundred would stop every browser that meets the page ("billion laughs").
const MOST_REFERENCES = 20;
const REDRAWS: ReadonlySet<string> = new Set(['clip-path', 'mask']);

/** The picture's proportions, or why it may not be a logo. */
export function readSvg(
  bytes: Uint8Array,
  read: ReadMarkup,
): PictureSize | { readonly fault: string } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { fault: 'The SVG is not UTF-8 text' };
  }
  const markup = read(text);
  if (markup.kind === 'broken') return { fault: `The SVG is not well-formed XML: ${markup.where}` };

  let references = 0;
  let sheet = '';
  for (const part of markup.parts) {
    const fault = part.kind === 'element' ? elementFault(part) : otherFault(part);
    if (fault) return { fault };
    if (part.kind === 'text' && part.within === 'style') sheet += part.text;
    if (part.kind !== 'element') continue;
    references += part.local === 'use' ? 1 : 0;
    references += part.attributes.filter(({ local }) => REDRAWS.has(local)).length;
  }
  // As one text, as browsers read it: a comment in the middle of "url" must not hide it.
  const fault = sheetFault(sheet, '<style>');
  if (fault) return { fault };
  if (references > MOST_REFERENCES) {
    return { fault: `The SVG uses, clips or masks more than ${MOST_REFERENCES} times` };
  }
  const root = markup.parts.find((part) => part.kind === 'element');
  return root?.kind === 'element' ? proportionsOf(root) : { fault: 'The SVG is empty' };
}

function elementFault(element: Element): string | undefined {
  const { name, local, namespace, depth } = element;
  if (depth === 0 && (local !== 'svg' || namespace !== SVG)) {
    return `The file is no SVG: it begins with <${shown(name)}>, without xmlns="${SVG}"`;
  }
  if (local === 'script') return 'The SVG contains <script>: a logo must not run anything';
  if (local === 'foreignObject') {
    return 'The SVG contains <foreignObject>: a logo must not hold a page of its own';
  }
  if (namespace !== SVG) {
    return `The SVG contains <${shown(name)}>, which belongs to the program that drew it: export it as plain SVG`;
  }
  if (!ELEMENTS.has(local)) {
    return `The SVG contains <${shown(name)}>, which a logo does not need: export it as plain shapes`;
  }
  for (const attribute of element.attributes) {
    const fault = attributeFault(attribute.name, attribute.local, attribute.value);
    if (fault) return fault;
  }
  return undefined;
}

function attributeFault(name: string, local: string, value: string): string | undefined {
  const quoted = `${shown(name)}="${shown(value)}"`;
  if (/^on/i.test(local)) return `The SVG contains the event handler ${quoted}`;
  // `xmlns` declares, it does not refer.
  if (name === 'xmlns' || name.startsWith('xmlns:')) return undefined;
  if (local === 'href' || local === 'src' || local === 'base') {
    return /^#[\w.:-]+$/.test(value.trim()) ? undefined : `The SVG refers to ${quoted}`;
  }
  if (name === 'filter') return `The SVG contains ${quoted}: a logo needs no filters`;
  return name === 'style' ? sheetFault(value, quoted) : styleFault(value, quoted);
}

function otherFault(part: Exclude<MarkupPart, Element>): string | undefined {
  switch (part.kind) {
    case 'text':
      return undefined;
    case 'doctype':
      return 'The SVG contains <!DOCTYPE …>: take that line out';
    case 'instruction':
      return `The SVG contains <?${shown(part.target)} …?>: take that line out`;
    case 'declaration':
      return part.encoding === undefined || /^utf-8$/i.test(part.encoding)
        ? undefined
        : `The SVG says that it is written in ${shown(part.encoding)}: save it as UTF-8`;
  }
}

/** In a style nobody could count what is drawn again; attributes are counted. */
function sheetFault(css: string, where: string): string | undefined {
  return /(?:mask|clip-path|filter)[\w-]*\s*:/i.test(css)
    ? `The SVG clips, masks or filters in ${where}: write it as attributes instead`
    : styleFault(css, where);
}

/** CSS that loads something, or hides by an escape that it does. */
function styleFault(css: string, where: string): string | undefined {
  if (/\\/.test(css)) return `The SVG contains a backslash in ${where}`;
  if (/@(?!media\b)/i.test(css)) return `The SVG contains an @ rule other than @media in ${where}`;
  for (const [, target = ''] of css.matchAll(/(?:url|image|image-set|src)\s*\(([^)]*)/gi)) {
    if (!/^\s*["']?#[\w.:-]+["']?\s*$/.test(target)) {
      return `The SVG refers to something outside itself in ${where}`;
    }
  }
  return /javascript:|data:|expression\s*\(/i.test(css)
    ? `The SVG contains something to run or load in ${where}`
    : undefined;
}

/** A length in pixels, or one without a unit; of anything else the view box decides. */
function length(value: string | undefined): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)(?:px)?\s*$/.exec(value ?? '');
  return match ? Number(match[1]) : undefined;
}

function proportionsOf(root: Element): PictureSize | { fault: string } {
  const of = (name: string) => root.attributes.find((one) => one.name === name)?.value;
  const box = (of('viewBox') ?? '').trim().split(/[\s,]+/);
  const width = length(of('width')) ?? length(box[2]);
  const height = length(of('height')) ?? length(box[3]);
  if (box.length !== 4 || !width || !height) {
    return { fault: 'The SVG does not say how large it is: it needs viewBox="0 0 width height"' };
  }
  // Only the proportions count; whole numbers that are not too small keep them.
  const scale = 512 / Math.max(width, height);
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/** Of a hostile file no more than a glimpse, and nothing that a terminal would obey. */
function shown(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
  return plain.length > 40 ? `${plain.slice(0, 40)}…` : plain;
}
