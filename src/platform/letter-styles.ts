/**
 * How letters look. Mail programs know no stylesheets worth the name, so the light theme stands
 * where it applies; those that do know them, and know the dark, find the dark theme in one.
 */

export type LetterTheme = 'light' | 'dark';

/** `#rrggbb`, chosen by the caller so that each text can be read on its ground. */
export type LetterColours = {
  readonly bg: string;
  readonly surface: string;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly accent: string;
  readonly 'accent-text': string;
};

const FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";

// Whatever is not plainly a colour is left out: a style attribute is no place for surprises.
const plain = (colours: LetterColours): LetterColours =>
  Object.fromEntries(
    Object.entries(colours).map(([name, value]) => [
      name,
      /^#[0-9a-f]{6}$/.test(value) ? value : 'inherit',
    ]),
  ) as LetterColours;

/** The style attribute of each part, by its name. Logical properties are unknown to many. */
export function stylesOf(
  colours: LetterColours,
  direction: 'ltr' | 'rtl',
): Readonly<Record<string, string>> {
  const { bg, surface, text, muted, line, accent, 'accent-text': ink } = plain(colours);
  const [start, gap] = direction === 'rtl' ? ['right', '0 0 0 20px'] : ['left', '0 20px 0 0'];
  const wrap = 'overflow-wrap:anywhere;word-break:break-word';
  return {
    page: `margin:0;padding:0;background:${bg};color:${text};-webkit-text-size-adjust:100%`,
    space: 'padding:24px 12px',
    card: `max-width:512px;margin:0 auto;padding:28px 24px;background:${surface};color:${text};border:1px solid ${line};border-top:4px solid ${accent};border-radius:12px;font-family:${FONT};font-size:16px;text-align:${start};${wrap}`,
    name: 'margin:0 0 24px;font-weight:600;line-height:1.4',
    // On a plate that stays light: most logos are drawn for a light ground.
    logo: `display:block;max-width:100%;height:auto;padding:8px;background:#ffffff;color:#191d1b;border-radius:8px;font-size:14px`,
    title: 'margin:0 0 16px;font-size:22px;line-height:1.3;font-weight:600',
    paragraph: 'margin:0 0 16px;line-height:1.5',
    heading: 'margin:28px 0 8px;font-size:17px;line-height:1.4;font-weight:600',
    facts: 'margin:0 0 16px;border-collapse:collapse;line-height:1.5',
    label: `padding:${gap};text-align:${start};vertical-align:top;font-weight:normal;color:${muted};white-space:nowrap`,
    value: `padding:0 0 4px;text-align:${start};vertical-align:top;${wrap}`,
    code: `margin:0 0 16px;font-family:${MONO};font-size:30px;line-height:1.3;font-weight:600;letter-spacing:3px;text-align:${start}`,
    press: 'margin:24px 0 12px',
    button: `display:inline-block;padding:12px 22px;background:${accent};color:${ink};border-radius:8px;font-weight:600;line-height:1.4;text-decoration:none`,
    address: `margin:0 0 20px;font-size:14px;line-height:1.5;color:${muted};${wrap}`,
    link: `color:${accent};${wrap}`,
    foot: `margin:28px 0 0;padding:16px 0 0;border-top:1px solid ${line}`,
    small: `margin:0 0 6px;font-size:14px;line-height:1.5;color:${muted}`,
  };
}

/** The dark theme. `!important`, because what it takes the place of stands in attributes. */
export function sheetOf(colours: LetterColours): string {
  const { bg, surface, text, muted, line, accent, 'accent-text': ink } = plain(colours);
  const rules = [
    `.page{background:${bg}!important;color:${text}!important}`,
    `.card{background:${surface}!important;color:${text}!important;border-color:${line}!important;border-top-color:${accent}!important}`,
    `.foot{border-top-color:${line}!important}`,
    `.muted{color:${muted}!important}`,
    `.link{color:${accent}!important}`,
    `.button{background:${accent}!important;color:${ink}!important}`,
  ];
  return `:root{color-scheme:light dark}@media (prefers-color-scheme:dark){${rules.join('')}}`;
}
