/** The account pages about the person: profile, recent activity, taking it along, leaving. */
import { readDeviceLabel } from '../../domain/risk/index.js';
import { formTarget, localPath } from '../links.js';
import { type AccountFrame, frameOf } from './account.js';
import { type PageProps, render } from './render.js';

type FieldName = 'name' | 'given_name' | 'family_name' | 'phone' | 'locale';
type FieldFault = 'too-long' | 'not-plain' | 'not-a-number' | 'not-a-language';

export type ProfileRow = {
  readonly field: FieldName;
  readonly value: string;
  readonly editable: boolean;
  readonly fault?: FieldFault | undefined;
};

/** How browsers fill it in by themselves (HTML, autofill field names). */
const autocomplete: Readonly<Record<FieldName, string>> = {
  name: 'name',
  given_name: 'given-name',
  family_name: 'family-name',
  phone: 'tel',
  locale: 'language',
};

/** Fields: those of the rows that may be edited, but for the phone number. */
export function accountProfilePage(
  props: AccountFrame & {
    readonly action: string;
    readonly email: string;
    /** Characters in a name. */
    readonly longest: number;
    readonly fields: readonly ProfileRow[];
  },
): string {
  const { fields } = props;
  const faults = fields.filter(({ fault }) => fault !== undefined);
  return render('account/profile', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    email: props.email,
    longest: props.longest,
    fields: fields.map((row) => ({
      ...row,
      id: row.field.replace('_', '-'),
      autocomplete: autocomplete[row.field],
      focus: faults.length === 1 && row.fault !== undefined,
    })),
    faults: faults.map(({ field }) => ({ field, href: `#${field.replace('_', '-')}` })),
    saveable: fields.some(({ field, editable }) => editable && field !== 'phone'),
  });
}

/** Field: `phone`. */
export function accountPhonePage(
  props: AccountFrame & {
    readonly action: string;
    readonly phone: string;
    readonly fault?: FieldFault | undefined;
  },
): string {
  const { phone, fault } = props;
  return render('account/phone', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    phone,
    fault,
  });
}

export function accountExportPage(props: AccountFrame & { readonly action: string }): string {
  return render('account/export', props, { ...frameOf(props), action: formTarget(props.action) });
}

/** Field: `email`. */
export function accountClosePage(
  props: AccountFrame & {
    readonly action: string;
    /** Cannot do it themselves. */
    readonly staff: boolean;
    readonly typed: string;
    readonly problem?: 'not-confirmed' | 'address-moved' | undefined;
  },
): string {
  const { staff, typed, problem } = props;
  return render('account/close', props, {
    ...frameOf(props),
    action: formTarget(props.action),
    staff,
    typed,
    problem,
  });
}

export function accountFarewellPage(props: PageProps): string {
  return render('account/farewell', props, {});
}

export type ActivityRow = {
  /** The name of its words in the template. */
  readonly kind: string;
  readonly at: Date;
  readonly application: string | undefined;
  readonly device: string | undefined;
  readonly network: string | undefined;
};

export function accountActivityPage(
  props: AccountFrame & {
    readonly entries: readonly ActivityRow[];
    /** Leads to what came before, if anything did. */
    readonly older: string | undefined;
    readonly first: boolean;
  },
): string {
  const { entries, older, first } = props;
  return render('account/activity', props, {
    ...frameOf(props),
    entries: entries.map((entry) => ({
      ...entry,
      device: entry.device && readDeviceLabel(entry.device),
    })),
    first,
    olderHref: older && localPath(`/account/activity?before=${encodeURIComponent(older)}`),
  });
}
