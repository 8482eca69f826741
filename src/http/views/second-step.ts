/** The second step of signing in: entering a code, setting the step up, keeping a way back in. */
import { formTarget, localPath, otpauthLink } from '../links.js';
import { type PasskeyAddresses, passkeyAddresses, passkeyScripts } from './passkeys.js';
import { brandOf, type ClientBrand, linksOf, type PageProps, render } from './render.js';

type StepProps = PageProps & {
  readonly client: ClientBrand;
  readonly action: string;
  readonly csrf: string;
};

function frameOf(props: StepProps) {
  return {
    brand: brandOf(props.client),
    links: linksOf(props.client),
    action: formTarget(props.action),
    csrf: props.csrf,
  };
}

export type CodeProblem = 'wrong-code' | 'used-code' | 'passkey';

/** Fields: `code`, and `remember` (`yes`) where this device may be remembered. */
export function codePage(
  props: StepProps & {
    readonly cancelAction: string;
    /** The page that asks for a recovery code, if there are any left; opened with GET. */
    readonly recoveryAction: string | undefined;
    readonly rememberable: boolean;
    /** The button for a passkey instead; shown where the browser can use one. */
    readonly passkey?: PasskeyAddresses | undefined;
    readonly problem?: CodeProblem | undefined;
  },
): string {
  return render('signin/code', props, {
    ...frameOf(props),
    cancelAction: formTarget(props.cancelAction),
    recoveryHref: props.recoveryAction === undefined ? undefined : formTarget(props.recoveryAction),
    rememberable: props.rememberable,
    problem: props.problem,
    passkey: props.passkey && passkeyAddresses(props.passkey),
    scripts: props.passkey ? passkeyScripts : [],
  });
}

/** Field: `recovery_code`. */
export function recoveryCodePage(
  props: StepProps & {
    readonly cancelAction: string;
    /** The page that asks for a code from the app; opened with GET. */
    readonly codeAction: string;
    /** What a code looks like. */
    readonly example?: string | undefined;
    readonly problem?: CodeProblem | undefined;
  },
): string {
  return render('signin/recovery-code', props, {
    ...frameOf(props),
    cancelAction: formTarget(props.cancelAction),
    codeHref: formTarget(props.codeAction),
    example: props.example ?? 'K7QM-2VXA-9RTD-HW4C',
    problem: props.problem,
  });
}

/** Field: `code`. */
export function enrolPage(
  props: StepProps & {
    /** "Cancel" where the step is required, "Not now" where it is not. */
    readonly cancelAction: string;
    /** Trusted: an SVG that this server drew, shown unescaped. */
    readonly qrSvg: string;
    /** The key in base32, without spaces. */
    readonly secret: string;
    readonly accountName: string;
    /** The address in the QR code, for people whose app is on this very device. */
    readonly otpauthUri?: string | undefined;
    readonly required: boolean;
    readonly problem?: 'wrong-code' | 'expired' | undefined;
  },
): string {
  return render('signin/enrol', props, {
    ...frameOf(props),
    cancelAction: formTarget(props.cancelAction),
    qrSvg: props.qrSvg,
    secret: props.secret,
    secretGroups: secretGroups(props.secret),
    accountName: props.accountName,
    appHref: otpauthLink(props.otpauthUri),
    required: props.required,
    problem: props.problem,
  });
}

/** Groups that a person can keep in mind while typing. */
export function secretGroups(secret: string): readonly string[] {
  return secret.match(/.{1,4}/gsu) ?? [];
}

/** The codes as a text file within the page itself: no address, so no log and no cache has them. */
export function codesFile(heading: string, codes: readonly string[]): string {
  const file = `${heading}\r\n\r\n${codes.join('\r\n')}\r\n`;
  return `data:text/plain;charset=utf-8;base64,${Buffer.from(file).toString('base64')}`;
}

/** Field: `saved` (`yes`). */
export function recoveryCodesPage(
  props: StepProps & {
    readonly codes: readonly string[];
    /** A path of this server that sends the codes as a file; without one, the page holds it. */
    readonly downloadHref?: string | undefined;
    readonly problem?: 'not-saved' | undefined;
  },
): string {
  const frame = frameOf(props);
  const list = props.codes.join('\n');
  return render('signin/recovery-codes', props, {
    ...frame,
    codes: props.codes,
    list,
    downloadHref: localPath(props.downloadHref) ?? codesFile(frame.brand.name, props.codes),
    problem: props.problem,
  });
}
