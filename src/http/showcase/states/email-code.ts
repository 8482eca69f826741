/** Signing in with a code by e-mail. */
import * as views from '../../views.js';
import { emailCode, emailCodeSent, puzzle } from './data.js';
import type { Draw, States } from './draw.js';

export async function emailCodeStates(draw: Draw): Promise<States> {
  const emailCodeAskPage = draw(views.emailCodeAskPage);
  const emailCodePage = draw(views.emailCodePage);
  const emailCodeDeadPage = draw(views.emailCodeDeadPage);
  return {
    'email-code-ask': emailCodeAskPage(emailCode),
    'email-code-ask-address': emailCodeAskPage({
      ...emailCode,
      login: 'mara@fernhill',
      problem: 'address',
    }),
    'email-code-ask-puzzle': emailCodeAskPage({
      ...emailCodeSent,
      problem: 'check',
      challenge: await puzzle(500, 5),
    }),
    'email-code-waiting': emailCodePage(emailCodeSent),
    'email-code-wrong': emailCodePage({ ...emailCodeSent, problem: 'wrong-code' }),
    'email-code-long': emailCodePage({
      ...emailCodeSent,
      client: { name: 'Donaudampfschifffahrtsgesellschaft für Reisen und Sonderfahrten' },
      login: `${'a.very.long.address.'.repeat(4)}x@sub.domain.fernhill.example`,
    }),
    'email-code-dead': emailCodeDeadPage(emailCode),
  };
}
