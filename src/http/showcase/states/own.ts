/** The account pages about the person: profile, activity, data, farewell. */
import * as views from '../../views.js';

import type { Draw, States } from './draw.js';
import { activity, closing, profile } from './shopper.js';

export async function ownStates(draw: Draw): Promise<States> {
  const profilePage = draw(views.accountProfilePage);
  const phonePage = draw(views.accountPhonePage);
  const exportPage = draw(views.accountExportPage);
  const closePage = draw(views.accountClosePage);
  const farewellPage = draw(views.accountFarewellPage);
  const activityPage = draw(views.accountActivityPage);
  return {
    'account-profile': profilePage({ ...profile, notice: 'profile-saved' }),
    'account-profile-wrong': profilePage({
      ...profile,
      fields: [
        { field: 'name', value: 'x'.repeat(101), editable: true, fault: 'too-long' },
        { field: 'given_name', value: 'Mara', editable: true, fault: 'not-plain' },
        { field: 'family_name', value: '', editable: true },
        { field: 'phone', value: '', editable: true },
        { field: 'locale', value: 'xx', editable: true, fault: 'not-a-language' },
      ],
    }),
    'account-profile-fixed': profilePage({
      ...profile,
      fields: [
        { field: 'name', value: 'Mara Quist', editable: false },
        { field: 'phone', value: '+441632960961', editable: false },
        { field: 'locale', value: 'fr', editable: false },
      ],
    }),
    'account-phone': phonePage({ ...profile, action: '/account/profile/phone', phone: '' }),
    'account-phone-wrong': phonePage({
      ...profile,
      action: '/account/profile/phone',
      phone: '01632 960961',
      fault: 'not-a-number',
    }),
    'account-export': exportPage({ ...profile, action: '/account/export' }),
    'account-activity': activityPage(activity),
    'account-activity-last': activityPage({
      ...activity,
      older: undefined,
      first: false,
    }),
    'account-activity-none': activityPage({ ...activity, entries: [], older: undefined }),
    'account-close': closePage({ ...closing, staff: false }),
    'account-close-wrong': closePage({
      ...closing,
      staff: false,
      typed: 'mara@fernhil.example',
      problem: 'not-confirmed',
    }),
    'account-close-moved': closePage({
      ...closing,
      typed: 'mara@fernhill.example',
      staff: false,
      problem: 'address-moved',
    }),
    'account-close-staff': closePage({ ...closing, staff: true }),
    'account-closed': farewellPage({}),
  };
}
