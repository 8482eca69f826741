/** Every page in every state a person can meet. Imported where it is asked for, in development. */
import type { PageProps } from '../../views/render.js';
import { accountStates } from './account.js';
import { approvalStates } from './approvals.js';
import { deviceStates } from './device.js';
import type { Draw, States } from './draw.js';
import { emailCodeStates } from './email-code.js';
import { ownStates } from './own.js';
import { passkeysStates } from './passkeys.js';
import { recoveryStates } from './recovery.js';
import { registerStates } from './register.js';
import { signInStates } from './sign-in.js';

export { challengeSecret } from './data.js';

/** @param settings what all of them are drawn with; a state's own props come before them */
export async function pageStates(settings: PageProps): Promise<States> {
  const draw: Draw = (page) => (props) => page({ here: '/signin/7f3c', ...props, ...settings });
  const parts = await Promise.all(
    [
      accountStates,
      ownStates,
      registerStates,
      emailCodeStates,
      deviceStates,
      approvalStates,
      recoveryStates,
      passkeysStates,
      signInStates,
    ].map((states) => states(draw)),
  );
  return Object.assign({}, ...parts);
}
