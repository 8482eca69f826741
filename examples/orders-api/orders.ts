/** Sample data in place of a database: the same shopper always has the same orders. */
import { createHash } from 'node:crypto';

export type Order = {
  readonly number: string;
  readonly placedOn: string;
  readonly status: 'delivered' | 'on its way' | 'in the workshop' | 'refunded';
  readonly items: readonly string[];
  /** In the smallest unit of the currency. */
  readonly total: { readonly amount: number; readonly currency: string };
};

const goods = [
  { name: 'Alder writing desk', price: 48_900 },
  { name: 'Oak bookshelf', price: 32_500 },
  { name: 'Linen armchair', price: 61_900 },
  { name: 'Beeswax polish', price: 1_450 },
  { name: 'Bedside lamp', price: 8_900 },
  { name: 'Wool blanket', price: 11_900 },
] as const;

const history = [
  { daysAgo: 9, status: 'in the workshop' },
  { daysAgo: 34, status: 'on its way' },
  { daysAgo: 147, status: 'delivered' },
] as const;

const DAY_MS = 24 * 3_600_000;

/** Who was refunded what; it lasts as long as the process. */
const refunds = new Map<string, Set<string>>();

/** Refunds an order, once however often it is asked; nothing when the shopper has no such order. */
export function refund(subject: string, number: string): Order | undefined {
  if (!ordersOf(subject).some((order) => order.number === number)) return undefined;
  const refunded = refunds.get(subject) ?? new Set();
  refunds.set(subject, refunded.add(number));
  return ordersOf(subject).find((order) => order.number === number);
}

/** The orders of a shopper, newest first. */
export function ordersOf(subject: string): Order[] {
  const digits = createHash('sha256').update(subject).digest();
  const digit = (index: number) => digits[index] ?? 0;
  return history.map(({ daysAgo, status }, row) => {
    const first = digit(row) % goods.length;
    const second = (first + 1 + (digit(row + 8) % (goods.length - 1))) % goods.length;
    const bought = goods.filter((_, index) => index === first || index === second);
    const number = `AO-${10_000 + digit(row + 16) * 256 + digit(row + 24)}`;
    return {
      number,
      placedOn: new Date(Date.now() - daysAgo * DAY_MS).toISOString().slice(0, 10),
      status: refunds.get(subject)?.has(number) ? 'refunded' : status,
      items: bought.map(({ name }) => name),
      total: { amount: bought.reduce((sum, { price }) => sum + price, 0), currency: 'EUR' },
    };
  });
}
