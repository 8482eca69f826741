/** The page on which an owner stops the reset of a second factor that is not lost. */
import { formTarget, localPath } from '../links.js';
import { type PageProps, render } from './render.js';

export type StopResetState =
  | {
      readonly kind: 'ask';
      readonly effectiveAt: Date;
      readonly action: string;
      readonly csrf: string;
    }
  | { readonly kind: 'stopped'; readonly passwordHref: string }
  /** Stopped already, carried out, or never there. */
  | { readonly kind: 'dead' };

export function stopResetPage(props: PageProps & { readonly state: StopResetState }): string {
  const { state } = props;
  switch (state.kind) {
    case 'ask':
      return render('lost-factor/ask', props, { ...state, action: formTarget(state.action) });
    case 'stopped':
      return render('lost-factor/stopped', props, { passwordHref: localPath(state.passwordHref) });
    case 'dead':
      return render('lost-factor/dead', props, {});
  }
}
