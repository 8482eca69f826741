/**
 * What a storm of requests proves on a machine that cannot keep up with it. The server then says
 * 503, as it promises, and whoever is told so knows nothing of the race: it may even have been won
 * by somebody whose answer was lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { WireReply } from './protocol.js';

/** Whether the server said that it is too busy, and nothing else. */
export const isBusy = ({ status }: { readonly status: number }): boolean => status === 503;

/** Comes again, as clients do, as long as the server is too busy. */
export async function patiently<T extends { readonly status: number }>(
  ask: () => Promise<T>,
): Promise<T> {
  let reply = await ask();
  for (let more = 0; isBusy(reply) && more < 50; more += 1) {
    await sleep(200);
    reply = await ask();
  }
  return reply;
}

/**
 * Plays a race until everybody in it was answered: with half as many each time the machine could
 * not keep up. A round looks at every reply it gets; that somebody wins can only be told of a
 * round in which nobody was turned away.
 *
 * @param round plays it with so many; whether everybody was answered
 * @throws when even four at once are too many
 */
export async function untilAnswered(
  crowd: number,
  round: (crowd: number) => Promise<boolean>,
): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) {
    if (await round(Math.max(4, crowd >> turn))) return;
  }
  throw new Error('the machine is too busy for four requests at once');
}

/**
 * One winner at most, and everybody else gets a plain refusal: no 500, no half answer.
 *
 * @param refused the status and the error code of those who did not win
 * @returns whether everybody was answered; then somebody has won
 */
export function oneWon(
  replies: readonly WireReply[],
  refused: readonly [status: number, error: string],
  isWinner: (reply: WireReply) => boolean = ({ status }) => status === 200,
): boolean {
  const told = replies.filter((reply) => !isBusy(reply));
  const won = told.filter(isWinner).length;
  expect(won).toBeLessThanOrEqual(1);
  for (const reply of told) {
    if (!isWinner(reply)) expect([reply.status, reply.json.error]).toEqual(refused);
  }
  if (told.length < replies.length) return false;
  expect(won).toBe(1);
  return true;
}
