/** The design page: what pages are made of, and the way to all of them. */
import { assetUrl } from '../assets.js';
import { localPath } from '../links.js';
import { type PageProps, render } from './render.js';

/** A page in one of its states, by the name it has on the design page. */
export type DesignEntry = { readonly name: string; readonly href: string };

export function designPage(
  props: PageProps & { readonly pages: readonly DesignEntry[]; readonly today: Date },
): string {
  return render('dev/design', props, {
    settings: { language: props.language, ...props.look },
    pages: props.pages.map(({ name, href }) => ({ name, href: localPath(href) })),
    today: props.today,
    styles: [assetUrl('design.css')],
    scripts: [{ src: assetUrl('password-meter.js'), module: false }],
  });
}
