/** The pages on which people set up their second step, and keep a way back in. */
import { formTarget, otpauthLink } from '../links.js';
import type { AccountFrame } from './account.js';
import { type PasskeyRow, passkeyRow } from './passkeys.js';
import { render } from './render.js';
import { codesFile, secretGroups } from './second-step.js';

function frameOf({ section, person, csrf, notice }: AccountFrame) {
  return { section, person, csrf, notice, signOutAction: formTarget('/account/sign-out') };
}

export function accountSecondStepPage(
  props: AccountFrame & {
    readonly since: Date | undefined;
    readonly codesLeft: number;
    readonly required: boolean;
    readonly codesWaiting: boolean;
    readonly passkeys: readonly PasskeyRow[];
  },
): string {
  return render('account/second-step', props, {
    ...frameOf(props),
    since: props.since,
    codesLeft: props.codesLeft,
    required: props.required,
    codesWaiting: props.codesWaiting,
    passkeys: props.passkeys.map(passkeyRow),
  });
}

/** Field: `code`. */
export function accountAppPage(
  props: AccountFrame & {
    readonly action: string;
    /** Trusted: an SVG that this server drew, shown unescaped. */
    readonly qrSvg: string;
    readonly secret: string;
    readonly otpauthUri: string;
    readonly accountName: string;
    /** There is an app already, and this one takes its place. */
    readonly replaces: boolean;
    readonly problem?: 'wrong-code' | undefined;
  },
): string {
  return render('account/app', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    qrSvg: props.qrSvg,
    secret: props.secret,
    secretGroups: secretGroups(props.secret),
    appHref: otpauthLink(props.otpauthUri),
    accountName: props.accountName,
    replaces: props.replaces,
    problem: props.problem,
  });
}

/** Field: `saved` (`yes`). */
export function accountCodesPage(
  props: AccountFrame & {
    readonly action: string;
    readonly codes: readonly string[];
    /** Heads the file. */
    readonly host: string;
    readonly problem?: 'not-saved' | undefined;
  },
): string {
  return render('account/codes', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    codes: props.codes,
    list: props.codes.join('\n'),
    downloadHref: codesFile(`${props.host} · ${props.person.email}`, props.codes),
    problem: props.problem,
  });
}

export type SecondStepQuestion = 'remove-app' | 'new-codes';

/** Before something that cannot be undone. */
export function accountSecondStepQuestionPage(
  props: AccountFrame & {
    readonly action: string;
    readonly question: SecondStepQuestion;
    readonly codesLeft: number;
  },
): string {
  return render('account/second-step-question', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    question: props.question,
    codesLeft: props.codesLeft,
  });
}
