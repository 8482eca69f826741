/** How the pages of the design page are drawn. */
import type { PageProps } from '../../views/render.js';

/** A page's function, with what all of them share filled in. */
export type Draw = <Props extends PageProps>(
  page: (props: Props) => string,
) => (props: Props) => string;

/** Pages by the names of their states. */
export type States = Readonly<Record<string, string>>;
