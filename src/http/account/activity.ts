/** The page with what happened to an account lately. */
import type { ReadActivity } from '../../flows/account/activity.js';
import { accountActivityPage } from '../views.js';
import type { Desk } from './desk.js';

export function activityPages(desk: Desk, activity: ReadActivity): void {
  desk.page('/activity', { fresh: false }, async (call) => {
    const { before } = call.ctx.query;
    const cursor = typeof before === 'string' ? before : undefined;
    const page = await activity.page(call.owner, cursor);
    call.ctx.body = accountActivityPage({
      ...call.frame('activity'),
      ...page,
      first: cursor === undefined,
    });
  });
}
