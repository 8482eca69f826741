/** Passkeys on pages: the button of the sign-in, and the pages on which their owners keep them. */
import { assetUrl } from '../assets.js';
import { formTarget, localPath } from '../links.js';
import type { AccountFrame } from './account.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

/** Added to the content policy of a page with a passkey: its script asks us what to sign. */
export const PASSKEY_POLICY = "connect-src 'self'";

/** Both run after parsing and in this order, so the library is there when it is called. */
export const passkeyScripts = [
  { src: assetUrl('simplewebauthn.js'), module: false },
  { src: assetUrl('passkeys.js'), module: false },
];

/** Of a button for passkeys. */
export type PasskeyAddresses = {
  /** Takes the answer (field `passkey`). */
  readonly action: string;
  /** Tells the script what to sign. */
  readonly options: string;
  /** The page itself, for when there is nothing to sign any more. */
  readonly page: string;
};

export function passkeyAddresses(passkey: PasskeyAddresses) {
  const { action, options, page } = passkey;
  return { action: formTarget(action), options: formTarget(options), page: formTarget(page) };
}

/** The step that takes a passkey and nothing else. */
export function passkeyPage(
  props: PageProps & {
    readonly client: ClientBrand;
    readonly csrf: string;
    readonly cancelAction: string;
    readonly passkey: PasskeyAddresses;
    readonly problem?: 'passkey' | undefined;
  },
): string {
  return render('signin/passkey', props, {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    csrf: props.csrf,
    cancelAction: formTarget(props.cancelAction),
    passkey: passkeyAddresses(props.passkey),
    problem: props.problem,
    scripts: passkeyScripts,
  });
}

function frameOf({ section, person, csrf, notice }: AccountFrame) {
  return { section, person, csrf, notice, signOutAction: formTarget('/account/sign-out') };
}

export type PasskeyRow = {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly backedUp: boolean;
  /** It cannot be removed. */
  readonly needed: boolean;
};

export function passkeyRow(passkey: PasskeyRow) {
  const base = `/account/authenticators/passkeys/${passkey.id}`;
  return {
    name: passkey.name,
    createdAt: passkey.createdAt,
    lastUsedAt: passkey.lastUsedAt,
    backedUp: passkey.backedUp,
    renameHref: localPath(`${base}/rename`),
    removeHref: passkey.needed ? undefined : localPath(`${base}/remove`),
  };
}

/** Fields: `name`, and `passkey`, which the script fills. */
export function accountNewPasskeyPage(
  props: AccountFrame & {
    readonly passkey: PasskeyAddresses;
    readonly name: string;
    /** So many passkeys can an account have. */
    readonly most: number;
    readonly problem?: 'refused' | 'stale' | 'known' | 'too-many' | undefined;
  },
): string {
  return render('account/passkey-new', props, {
    ...frameOf(props),
    ...passkeyAddresses(props.passkey),
    name: props.name,
    most: props.most,
    problem: props.problem,
    scripts: passkeyScripts,
  });
}

/** Field: `name`. */
export function accountPasskeyNamePage(
  props: AccountFrame & { readonly action: string; readonly passkey: PasskeyRow },
): string {
  return render('account/passkey-name', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    passkey: passkeyRow(props.passkey),
  });
}

/** Before something that cannot be undone. */
export function accountPasskeyQuestionPage(
  props: AccountFrame & { readonly action: string; readonly passkey: PasskeyRow },
): string {
  return render('account/passkey-question', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    passkey: passkeyRow(props.passkey),
  });
}
