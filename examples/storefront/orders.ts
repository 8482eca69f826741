/** The shop's own API, called for the shopper with their access token. */
import { settings } from './settings.js';

export type Order = {
  readonly number: string;
  readonly placedOn: string;
  readonly status: string;
  readonly items: readonly string[];
  readonly total: { readonly amount: number; readonly currency: string };
};

/** What the API asks of the log-in behind a token (RFC 9470); goes to the sign-in server as it is. */
export type StepUp = { readonly acrValues: string; readonly maxAge: string };

type Failure =
  /** The API does not take this token (any more). */
  | { readonly kind: 'token-refused' }
  /** It takes the token, but for this it wants the shopper to sign in more strongly, or again. */
  | { readonly kind: 'step-up'; readonly stepUp: StepUp }
  /** The API cannot say. The shopper is no less signed in for that. */
  | { readonly kind: 'outage'; readonly reason: string };

export type OrdersAnswer = { readonly kind: 'orders'; readonly orders: readonly Order[] } | Failure;

export type RefundAnswer =
  | { readonly kind: 'refunded'; readonly order: Order }
  | { readonly kind: 'no-such-order' }
  | Failure;

export async function fetchOrders(accessToken: string): Promise<OrdersAnswer> {
  const answer = await call('GET', settings.ordersApi, accessToken);
  if (answer.kind !== 'answer') return answer;
  if (!answer.response.ok) return unexpected(answer.response);
  return { kind: 'orders', orders: (await answer.response.json()) as Order[] };
}

export async function refundOrder(accessToken: string, number: string): Promise<RefundAnswer> {
  const { href } = settings.ordersApi;
  const url = new URL(`${href}/${encodeURIComponent(number)}/refund`);
  const answer = await call('POST', url, accessToken);
  if (answer.kind !== 'answer') return answer;
  if (answer.response.status === 404) return { kind: 'no-such-order' };
  if (!answer.response.ok) return unexpected(answer.response);
  return { kind: 'refunded', order: (await answer.response.json()) as Order };
}

async function call(
  method: string,
  url: URL,
  accessToken: string,
): Promise<Failure | { readonly kind: 'answer'; readonly response: Response }> {
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${accessToken}` },
      signal: AbortSignal.timeout(10_000),
    });
    if (response.status !== 401) return { kind: 'answer', response };
    const stepUp = readStepUp(response.headers.get('www-authenticate') ?? '');
    return stepUp ? { kind: 'step-up', stepUp } : { kind: 'token-refused' };
  } catch (error) {
    return { kind: 'outage', reason: `the orders API does not answer: ${error}` };
  }
}

/** `Bearer …, error="insufficient_user_authentication", acr_values="…", max_age="…"` */
function readStepUp(challenge: string): StepUp | undefined {
  const parameters = new Map(
    [...challenge.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  if (parameters.get('error') !== 'insufficient_user_authentication') return undefined;
  const maxAge = parameters.get('max_age') ?? '';
  return {
    acrValues: parameters.get('acr_values') ?? '',
    maxAge: /^\d+$/.test(maxAge) ? maxAge : '',
  };
}

function unexpected(response: Response): Failure {
  return { kind: 'outage', reason: `the orders API says ${response.status}` };
}
