/**
 * What a storm of requests proves on a machine that cannot keep up with it. The server then says
 * 503, as it promises, and whoever is told so knows nothing of the race: it may even have been won
 * by somebody whose answer was lost.
 */
import { setTimeout as sleep } from 'node:timers/promises';

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
