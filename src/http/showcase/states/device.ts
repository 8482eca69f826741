/** A device that shows a code. */
import * as views from '../../views.js';
import { client } from './data.js';
import type { Draw, States } from './draw.js';

const till = { name: 'Till at Alder & Oak', policyUri: client.policyUri, tosUri: client.tosUri };
const form = { action: '/device', xsrf: 'k2Jx0Yw1' };

export function deviceStates(draw: Draw): States {
  const enterPage = draw(views.deviceEnterPage);
  const confirmPage = draw(views.deviceConfirmPage);
  const donePage = draw(views.deviceDonePage);
  const deniedPage = draw(views.deviceDeniedPage);
  const stalePage = draw(views.deviceStalePage);
  const here = '/device';
  const confirm = {
    ...form,
    client: till,
    userCode: 'WDJB-MJHT',
    identity: (['openid', 'profile', 'email'] as const).map((scope) => ({
      scope,
      labelKey: scope,
    })),
    resources: [
      {
        name: 'Orders',
        scopes: [
          { name: 'orders:read', description: 'See your orders' },
          { name: 'cart:write', description: 'Put things into your cart' },
        ],
      },
    ],
    offline: true,
    here: undefined,
  };
  return {
    'device-enter': enterPage({ ...form, here }),
    'device-enter-missing': enterPage({ ...form, here, problem: 'missing' }),
    'device-enter-wrong': enterPage({ ...form, here, problem: 'wrong' }),
    'device-enter-expired': enterPage({ ...form, here, problem: 'expired' }),
    'device-enter-used': enterPage({ ...form, here, problem: 'used' }),
    'device-confirm': confirmPage(confirm),
    'device-confirm-signed-in': confirmPage({ ...confirm, signedInAs: 'm•••@fernhill.example' }),
    'device-done': donePage({
      client: till,
      accountHref: '/account/applications',
      here: undefined,
    }),
    'device-denied': deniedPage({ againHref: '/device', here }),
    'device-stale': stalePage({ againHref: '/device', here }),
  };
}
