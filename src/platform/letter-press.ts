/**
 * Prints a letter twice, as text and as HTML, from one template in `views/email`. A template
 * says what there is to say with a pen; there is one for each form, and the HTML one escapes
 * every word it is given.
 */
import { fileURLToPath } from 'node:url';
import { Eta } from 'eta';

const eta = new Eta({
  views: fileURLToPath(new URL('../../views/', import.meta.url)),
  cache: true,
  autoEscape: true,
});
const escapeHtml = (text: string) => eta.config.escapeFunction(text);

export type Fact = readonly [label: string, value: string];

type Pen = {
  paragraph(text: string): string;
  heading(text: string): string;
  facts(rows: readonly Fact[]): string;
  /** A code to be typed, large enough to be read across a desk. */
  code(text: string): string;
  /** The address of a page of ours; never one that came from somebody else. */
  link(href: string): string;
};

const textPen: Pen = {
  paragraph: (text) => `${text}\n\n`,
  heading: (text) => `${text}\n${'-'.repeat(text.length)}\n\n`,
  facts: (rows) => `${rows.map(([label, value]) => `  ${label}: ${value}`).join('\n')}\n\n`,
  code: (text) => `    ${text}\n\n`,
  link: (href) => `${href}\n\n`,
};

// Mail programs know no stylesheets worth the name: the styles stand where they apply.
const style = {
  paragraph: 'margin:0 0 16px;line-height:1.5',
  heading: 'margin:24px 0 8px;font-size:16px;line-height:1.4',
  facts: 'margin:0 0 16px;border-collapse:collapse;line-height:1.5',
  label: 'padding:4px 24px 4px 0;text-align:left;vertical-align:top;font-weight:normal;opacity:.7',
  value: 'padding:4px 0;text-align:left;vertical-align:top',
  code: 'margin:0 0 16px;font-size:28px;line-height:1.3;font-weight:600;letter-spacing:2px',
};

const htmlPen: Pen = {
  paragraph: (text) => `<p style="${style.paragraph}">${escapeHtml(text)}</p>\n`,
  heading: (text) => `<h2 style="${style.heading}">${escapeHtml(text)}</h2>\n`,
  facts: (rows) =>
    `<table style="${style.facts}">\n${rows
      .map(
        ([label, value]) =>
          `<tr><th scope="row" style="${style.label}">${escapeHtml(label)}</th><td style="${style.value}">${escapeHtml(value)}</td></tr>\n`,
      )
      .join('')}</table>\n`,
  code: (text) => `<p style="${style.code}">${escapeHtml(text)}</p>\n`,
  link: (href) =>
    `<p style="${style.paragraph}"><a href="${escapeHtml(href)}">${escapeHtml(href)}</a></p>\n`,
};

export type Printed = {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
};

/** Prints `views/email/<template>.eta`; `subject` is its heading in both forms as well. */
export function printLetter(
  template: string,
  data: { readonly subject: string; readonly shop: string } & Record<string, unknown>,
): Printed {
  const { subject } = data;
  const bodyFor = (pen: Pen) => eta.render(`email/${template}`, { ...data, pen }).trim();
  const html = eta.render('email/layout', { ...data, pen: htmlPen, body: bodyFor(htmlPen) });
  const text = `${subject}\n\n${bodyFor(textPen)}\n`.replace(/\n{3,}/g, '\n\n');
  return { subject, text, html };
}
