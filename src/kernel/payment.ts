/**
 * One payment that a person can be asked to approve: the authorization details (RFC 9396) of type
 * `payment_initiation`. Everything in it is shown to the person, so nothing is let in that is not
 * understood here, and each amount has one spelling.
 */

/** `type` of these details, and what `authorization_details_types` of a client has to name. */
export const PAYMENT_TYPE = 'payment_initiation';

/** In the members and the order of the request. */
export type PaymentDetail = {
  readonly type: typeof PAYMENT_TYPE;
  readonly actions?: readonly ['initiate'];
  /** The one API that may see it, by its resource indicator (RFC 8707). */
  readonly locations: readonly [string];
  readonly instructedAmount: { readonly currency: string; readonly amount: string };
  readonly order: string;
  readonly creditorName?: string;
};

// ISO 4217, the column "minor unit", where it is not two. Not from Intl: ICU knows how prices are
// written (no decimals in forints), which is less than what can be charged.
const DECIMALS: ReadonlyMap<string, number> = new Map([
  ...['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND']
    .concat(['VUV', 'XAF', 'XOF', 'XPF'])
    .map((code) => [code, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3] as const),
  ...['CLF', 'UYW'].map((code) => [code, 4] as const),
]);
// Units of account: nobody pays in them.
const NO_MONEY: ReadonlySet<string> = new Set(['XDR', 'XSU', 'XXX', 'XTS']);
const CURRENCIES: ReadonlySet<string> = new Set(
  Intl.supportedValuesOf('currency').filter((code) => !NO_MONEY.has(code)),
);

/** Below a thousand millions of any currency: room for rupiah, and none for a slip of the hand. */
const AMOUNT = /^(?:0|[1-9]\d{0,8})(?:\.(\d+))?$/;
const ORDER = /^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/;
// Nothing invisible, and nothing that turns the line around it.
const NAME = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,70}$/u;

const MEMBERS = ['type', 'actions', 'locations', 'instructedAmount', 'order', 'creditorName'];

/**
 * Reads details as they came.
 *
 * @returns the payment, or what is wrong with it in a sentence that quotes nothing of it
 */
export function readPayment(
  given: Readonly<Record<string, unknown>>,
): { readonly payment: PaymentDetail } | { readonly fault: string } {
  const fault = faultOf(given);
  if (fault !== undefined) return { fault };
  const { actions, locations, instructedAmount, order, creditorName } = given as PaymentDetail;
  const { currency, amount } = instructedAmount;
  return {
    payment: {
      type: PAYMENT_TYPE,
      ...(actions ? { actions } : {}),
      locations,
      instructedAmount: { currency, amount },
      order,
      ...(creditorName === undefined ? {} : { creditorName }),
    },
  };
}

function faultOf(given: Readonly<Record<string, unknown>>): string | undefined {
  if (given.type !== PAYMENT_TYPE) return 'type is not known';
  if (!Object.keys(given).every((name) => MEMBERS.includes(name))) {
    return `a payment has no other members than ${MEMBERS.join(', ')}`;
  }
  const { actions, locations, order, creditorName } = given;
  if (actions !== undefined && !(isOneOf(actions) && actions[0] === 'initiate')) {
    return 'actions, where it is given, has to be ["initiate"]';
  }
  if (!isOneOf(locations)) return 'locations has to name one resource';
  if (typeof order !== 'string' || !ORDER.test(order)) {
    return 'order has to be 1 to 64 printable ASCII characters without blanks around them';
  }
  const named = typeof creditorName === 'string' && NAME.test(creditorName);
  if (creditorName !== undefined && !(named && creditorName.trim() === creditorName)) {
    return 'creditorName has to be a plain text of 1 to 70 characters';
  }
  return amountFault(given.instructedAmount);
}

const isOneOf = (list: unknown): list is [string] =>
  Array.isArray(list) && list.length === 1 && typeof list[0] === 'string';

function amountFault(given: unknown): string | undefined {
  if (typeof given !== 'object' || given === null) return 'instructedAmount is missing';
  const { currency, amount, ...more } = given as Record<string, unknown>;
  if (Object.keys(more).length > 0) return 'instructedAmount has only currency and amount';
  if (typeof currency !== 'string' || !CURRENCIES.has(currency)) {
    return 'currency has to be one of ISO 4217';
  }
  const match = typeof amount === 'string' ? AMOUNT.exec(amount) : null;
  if (!match) return 'amount has to be a decimal number in a string, below 1000000000';
  const decimals = DECIMALS.get(currency) ?? 2;
  if ((match[1] ?? '').length !== decimals) return `amount has to have ${decimals} decimals`;
  return /[1-9]/.test(match[0]) ? undefined : 'amount has to be more than nothing';
}
