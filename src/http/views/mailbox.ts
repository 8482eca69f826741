/** The development mailbox as a page. */
import { localPath } from '../links.js';
import { type PageProps, render } from './render.js';

export type MailboxLetter = {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly sentAt: string;
  /** Where its HTML form stands, a path of this server. */
  readonly htmlHref: string;
};

export function mailboxPage(
  props: PageProps & { readonly letters: readonly MailboxLetter[]; readonly jsonHref: string },
): string {
  return render('dev/mailbox', props, {
    jsonHref: localPath(props.jsonHref),
    letters: props.letters.map((letter) => ({ ...letter, htmlHref: localPath(letter.htmlHref) })),
  });
}
