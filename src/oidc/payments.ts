/**
 * Payments as rich authorization requests (RFC 9396). An amount is approved by a person, on a
 * page that shows it, for one request: it is never part of a grant, so nothing of it is
 * remembered, not for the shop's own clients either, and nothing of it is renewed.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type AuthorizationDetailsForIntrospection,
  errors,
  type InteractionResults,
  interactionPolicy,
  type KoaContextWithOIDC,
  type RichAuthorizationRequestsActiveConfiguration,
} from 'oidc-provider';
import type { Grants } from '../domain/grants/index.js';
import { PAYMENT_TYPE, type PaymentDetail, readPayment } from '../kernel/payment.js';
import type { HostClient } from './clients.js';
import { guarded } from './errors.js';

const { Check } = interactionPolicy;

/** Where a browser with a person in front of it follows. A device's code may be a phisher's. */
const ASKING: readonly string[] = ['authorization', 'pushed_authorization_request'];
// Longer than an interaction lives.
const ANSWERED_SECONDS = 3600;

type Details = readonly Readonly<Record<string, unknown>>[];

function listOf(params: object | undefined): Details {
  const { authorization_details: given } = (params ?? {}) as { authorization_details?: unknown };
  return typeof given === 'string' ? (JSON.parse(given) as Details) : [];
}

/** The payment that an accepted request asks for, if it asks for one. */
export function paymentIn(params: object | undefined): PaymentDetail | undefined {
  const [detail] = listOf(params);
  if (!detail) return undefined;
  const read = readPayment(detail);
  return 'payment' in read ? read.payment : undefined;
}

/** Whether it is this very payment that was approved in the interaction that ends here. */
function isApproved(asked: PaymentDetail, result: InteractionResults | undefined): boolean {
  const { allowed } = (result?.consent ?? {}) as { allowed?: { payment?: PaymentDetail } };
  return isDeepStrictEqual(allowed?.payment, asked);
}

/**
 * Of the interaction policy: no payment without a page. The host's own check would be content
 * with any consent that was given in the interaction, whatever was on the page.
 */
export const paymentApproval = new Check(
  'payment',
  'a payment has to be approved',
  'consent_required',
  ({ oidc }) => {
    if (oidc.params?.authorization_details === undefined) return Check.NO_NEED_TO_PROMPT;
    const asked = paymentIn(oidc.params);
    return asked && isApproved(asked, oidc.result) ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT;
  },
);

/** `features.richAuthorizationRequests` of the host. */
export function paymentRequests(
  grants: Pick<Grants, 'claimOnce'>,
): RichAuthorizationRequestsActiveConfiguration & {
  authorizationDetailsForIntrospection: AuthorizationDetailsForIntrospection;
} {
  return {
    enabled: true,
    types: { [PAYMENT_TYPE]: { validate } },

    /** What a code stands for. One approval makes one code, however often it is sent. */
    async authorizationDetailsForGrantSource({ oidc }) {
      const payment = paymentIn(oidc.params);
      if (!payment) return undefined;
      const uid = oidc.entities.Interaction?.uid;
      if (uid === undefined || !isApproved(payment, oidc.result)) {
        throw new errors.AccessDenied('the payment was not approved');
      }
      // The host reads an interaction and then removes it: two requests at once both find it.
      if (!(await guarded(() => grants.claimOnce(`payment of ${uid}`, ANSWERED_SECONDS)))) {
        throw new errors.InvalidRequest('this approval was already used');
      }
      return [payment];
    },

    /** A code's payment, in tokens for the API that it names. Nothing else has one. */
    authorizationDetailsForAccessToken({ oidc }, token, source, grantType) {
      if (grantType !== 'authorization_code') return undefined;
      const approved = (source?.rar ?? []) as unknown as readonly PaymentDetail[];
      const audience = token.resourceServer?.identifier();
      const due = approved.filter(({ locations }) => locations[0] === audience);
      for (const asked of listOf(oidc.params)) {
        if (!due.some((one) => isDeepStrictEqual(one, asked))) {
          throw refused('this payment was not approved');
        }
      }
      return due;
    },

    authorizationDetailsForIntrospection: (_ctx, token) => token.rar,
  };
}

const refused = (why: string) => new errors.InvalidAuthorizationDetails(why);

/** RFC 9396 section 5: anything that is not fully understood is refused. */
function validate(ctx: KoaContextWithOIDC, detail: object, client: HostClient): void {
  const { route, params } = ctx.oidc;
  // The host would let clients that name no type have all of them.
  if (!client.authorizationDetailsTypes?.includes(PAYMENT_TYPE)) {
    throw refused('the client is not registered for payments');
  }
  const redeems = route === 'token' && params?.grant_type === 'authorization_code';
  if (!redeems && !ASKING.includes(route)) {
    throw refused('a payment is approved in a browser, each time');
  }
  // One page, one amount: nobody has to add up.
  if (listOf(params).length !== 1) throw refused('a request asks for one payment');
  const read = readPayment(detail as Readonly<Record<string, unknown>>);
  if ('fault' in read) throw refused(read.fault);
  if (redeems) return;
  const resources = [params?.resource ?? []].flat();
  if (!resources.includes(read.payment.locations[0])) {
    throw refused('locations has to name a resource of the request');
  }
}
