/** The shop's own API, called for the shopper with their access token. */
import { settings } from './settings.js';

export type Order = {
  readonly number: string;
  readonly placedOn: string;
  readonly status: string;
  readonly items: readonly string[];
  readonly total: { readonly amount: number; readonly currency: string };
};

export type OrdersAnswer =
  | { readonly kind: 'orders'; readonly orders: readonly Order[] }
  /** The API does not take this token (any more). */
  | { readonly kind: 'token-refused' }
  /** The API cannot say. The shopper is no less signed in for that. */
  | { readonly kind: 'outage'; readonly reason: string };

export async function fetchOrders(accessToken: string): Promise<OrdersAnswer> {
  try {
    const response = await fetch(settings.ordersApi, {
      headers: { authorization: `Bearer ${accessToken}` },
      signal: AbortSignal.timeout(10_000),
    });
    if (response.status === 401) return { kind: 'token-refused' };
    if (!response.ok) return { kind: 'outage', reason: `the orders API says ${response.status}` };
    return { kind: 'orders', orders: (await response.json()) as Order[] };
  } catch (error) {
    return { kind: 'outage', reason: `the orders API does not answer: ${error}` };
  }
}
