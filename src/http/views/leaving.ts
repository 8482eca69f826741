/** On the way out: signing out, and the form that takes a person back to the client. */
import { formTarget, webLink } from '../links.js';
import { brandOf, type ClientBrand, type PageProps, plainName, render } from './render.js';

export function signOutPage(
  props: PageProps & {
    readonly clientName?: string | undefined;
    readonly look?: Pick<ClientBrand, 'logo' | 'palette'> | undefined;
    /** Trusted: the protocol host's own form with its hidden xsrf field, shown unescaped. */
    readonly formHtml: string;
    readonly formId: string;
  },
): string {
  const brand = props.clientName ? brandOf({ ...props.look, name: props.clientName }) : undefined;
  return render('signin/sign-out', props, {
    brand,
    clientName: brand?.name,
    formHtml: props.formHtml,
    formId: props.formId,
  });
}

export function signedOutPage(
  props: PageProps & {
    readonly clientName?: string | undefined;
    readonly clientUri?: string | undefined;
  },
): string {
  return render('signin/signed-out', props, {
    clientName: props.clientName ? plainName(props.clientName) : undefined,
    clientHref: webLink(props.clientUri),
  });
}

/** A form on its way to the client: sent by the script, or by the person where there is none. */
export function continuePage(
  props: PageProps & {
    readonly action: string;
    readonly fields: Readonly<Record<string, string>>;
  },
): string {
  return render('signin/continue', props, {
    action: formTarget(props.action),
    fields: Object.entries(props.fields).map(([name, value]) => ({ name, value })),
  });
}
