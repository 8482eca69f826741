/** A forgotten password, and a second factor that is said to be lost. */
import * as views from '../../views.js';
import { client, newPassword, puzzle, recovery } from './data.js';
import type { Draw, States } from './draw.js';

export async function recoveryStates(draw: Draw): Promise<States> {
  const askPage = draw(views.recoveryAskPage);
  const sentPage = draw(views.recoverySentPage);
  const newPasswordPage = draw(views.recoveryPasswordPage);
  const donePage = draw(views.recoveryDonePage);
  const deadPage = draw(views.recoveryDeadPage);
  const stopResetPage = draw(views.stopResetPage);
  return {
    'lost-factor-ask': stopResetPage({
      here: '/recovery/second-step',
      state: {
        kind: 'ask',
        effectiveAt: new Date('2026-11-23T09:12:00Z'),
        action: '/recovery/second-step',
        csrf: 'k2Jx0Yw1',
      },
    }),
    'lost-factor-stopped': stopResetPage({ state: { kind: 'stopped', passwordHref: '/recovery' } }),
    'lost-factor-dead': stopResetPage({ state: { kind: 'dead' } }),
    'recovery-ask': askPage(recovery),
    'recovery-ask-plain': askPage({ action: '/recovery', csrf: 'k2Jx0Yw1' }),
    'recovery-ask-puzzle': askPage({
      ...recovery,
      login: 'mara@fernhill.example',
      problem: 'check',
      challenge: await puzzle(60, 5),
    }),
    'recovery-sent': sentPage({ client, againHref: '/recovery', backHref: '/signin/7f3c' }),
    'recovery-sent-plain': sentPage({ againHref: '/recovery' }),
    'recovery-new-password': newPasswordPage(newPassword),
    'recovery-new-password-plain': newPasswordPage({
      ...newPassword,
      client: undefined,
      email: 'a.rather.long.address.of.somebody@mail.fernhill.example',
    }),
    'recovery-new-password-refused': newPasswordPage({
      ...newPassword,
      problem: {
        kind: 'refused',
        faults: [{ code: 'too-short', least: 12 }, { code: 'contains-context' }],
      },
    }),
    'recovery-new-password-overloaded': newPasswordPage({
      ...newPassword,
      problem: { kind: 'overloaded' },
    }),
    'recovery-done': donePage({ client, signInHref: '/signin/7f3c' }),
    'recovery-done-shop': donePage({ client, clientUri: 'https://alder-oak.example/' }),
    'recovery-done-plain': donePage({}),
    'recovery-dead': deadPage({ client, againHref: '/recovery' }),
  };
}
