/** The pages on which people look after their own account. */
import type { PasswordFault } from '../../domain/credentials/index.js';
import { readDeviceLabel } from '../../domain/risk/index.js';
import type { Notice } from '../account/notices.js';
import { assetUrl } from '../assets.js';
import { formTarget, localPath } from '../links.js';
import { faultSentences } from './password-faults.js';
import { type PageProps, render } from './render.js';
import { minuteAfter, waitingTime } from './when.js';

/** What stands around every one of them. */
export type AccountFrame = PageProps & {
  readonly section:
    | 'overview'
    | 'email'
    | 'password'
    | 'second-step'
    | 'devices'
    | 'sessions'
    | 'applications'
    | 'profile'
    | 'activity';
  readonly person: { readonly name: string | undefined; readonly email: string };
  readonly csrf: string;
  readonly notice?: Notice | undefined;
};

const meter = { src: assetUrl('password-meter.js'), module: false };

export function frameOf({ section, person, csrf, notice }: AccountFrame) {
  return { section, person, csrf, notice, signOutAction: formTarget('/account/sign-out') };
}

export function accountOverviewPage(
  props: AccountFrame & {
    readonly passwordChangedAt: Date | undefined;
    readonly secondFactorSince: Date | undefined;
    readonly recoveryCodesLeft: number;
    readonly devices: number;
    /** How many requests wait for their answer. */
    readonly approvals?: number | undefined;
    /** Since when their address has taken no letters. */
    readonly mailRefusedAt?: Date | undefined;
  },
): string {
  return render('account/overview', props, {
    ...frameOf(props),
    passwordChangedAt: props.passwordChangedAt,
    since: props.secondFactorSince,
    codesLeft: props.recoveryCodesLeft,
    devices: props.devices,
    approvals: props.approvals ?? 0,
    mailRefusedAt: props.mailRefusedAt,
  });
}

export type PasswordFormProblem =
  | { readonly kind: 'wrong-password' }
  | { readonly kind: 'refused'; readonly faults: readonly PasswordFault[] }
  | { readonly kind: 'overloaded' }
  /** Goes out with status 429 and `Retry-After`. */
  | { readonly kind: 'locked'; readonly retryAfterSeconds: number };

/** Fields: `current_password`, `new_password`. */
export function accountPasswordPage(
  props: AccountFrame & {
    readonly action: string;
    readonly minLength: number;
    readonly changedAt: Date | undefined;
    readonly problem?: PasswordFormProblem | undefined;
  },
): string {
  const { problem } = props;
  const wait = problem?.kind === 'locked' ? problem.retryAfterSeconds : undefined;
  return render('account/password', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    minLength: props.minLength,
    changedAt: props.changedAt,
    problem: problem?.kind,
    reasons: problem?.kind === 'refused' ? faultSentences(problem.faults, props) : [],
    wait: wait && waitingTime(wait),
    opensAt: wait && minuteAfter(wait),
    scripts: [meter],
  });
}

export type DeviceRow = {
  readonly id: string;
  /** As `describeUserAgent` gave it. */
  readonly label: string;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  readonly here: boolean;
  readonly trustedUntil: Date | undefined;
};

function deviceOf(device: DeviceRow) {
  const base = `/account/devices/${device.id}`;
  return {
    name: readDeviceLabel(device.label),
    createdAt: device.createdAt,
    lastSeenAt: device.lastSeenAt,
    here: device.here,
    trustedUntil: device.trustedUntil,
    forgetHref: localPath(`${base}/forget`),
    distrustHref: localPath(`${base}/ask-again`),
  };
}

export function accountDevicesPage(
  props: AccountFrame & { readonly devices: readonly DeviceRow[] },
): string {
  return render('account/devices', props, {
    ...frameOf(props),
    devices: props.devices.map(deviceOf),
    othersHref: props.devices.some(({ here }) => !here) ? '/account/devices/others' : undefined,
  });
}

export type DeviceQuestion =
  | { readonly kind: 'forget' | 'distrust'; readonly device: DeviceRow }
  | { readonly kind: 'forget-others'; readonly count: number };

export function accountDeviceQuestionPage(
  props: AccountFrame & { readonly action: string; readonly question: DeviceQuestion },
): string {
  const { question } = props;
  return render('account/device-question', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    question:
      question.kind === 'forget-others'
        ? question
        : { kind: question.kind, device: deviceOf(question.device) },
  });
}

/** Why somebody is on none of the pages. */
export type AsideReason = 'cancelled' | 'lost' | 'unmet' | 'closed';

export function accountAsidePage(props: PageProps & { readonly reason: AsideReason }): string {
  return render('account/aside', props, { reason: props.reason });
}
