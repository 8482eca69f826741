/** A newcomer on the way to an account. */
import * as views from '../../views.js';
import { client, puzzle, register, registerCode, registerPassword } from './data.js';
import type { Draw, States } from './draw.js';

export async function registerStates(draw: Draw): Promise<States> {
  const registerPage = draw(views.registerPage);
  const registerCodePage = draw(views.registerCodePage);
  const registerPasswordPage = draw(views.registerPasswordPage);
  const registerDonePage = draw(views.registerDonePage);
  const registerDeadPage = draw(views.registerDeadPage);
  return {
    'register-ask': registerPage(register),
    'register-ask-address': registerPage({
      ...register,
      name: 'Mara Quill',
      email: 'mara@fernhill',
      problem: 'address',
    }),
    'register-ask-puzzle': registerPage({
      ...register,
      email: 'mara@fernhill.example',
      problem: 'check',
      challenge: await puzzle(60, 5),
    }),
    'register-code': registerCodePage(registerCode),
    'register-code-wrong': registerCodePage({
      ...registerCode,
      email: 'a.rather.long.address.of.somebody@mail.fernhill.example',
      problem: 'wrong-code',
    }),
    'register-password': registerPasswordPage(registerPassword),
    'register-password-refused': registerPasswordPage({
      ...registerPassword,
      problem: { kind: 'refused', faults: [{ code: 'too-short', least: 12 }] },
    }),
    'register-password-overloaded': registerPasswordPage({
      ...registerPassword,
      problem: { kind: 'overloaded' },
    }),
    'register-done': registerDonePage({ client, outcome: 'created' }),
    'register-done-shop': registerDonePage({
      client,
      outcome: 'created',
      clientUri: 'https://alder-oak.example/',
    }),
    'register-taken': registerDonePage({ client, outcome: 'taken', signInHref: '/signin/7f3c' }),
    'register-dead': registerDeadPage({ client, againHref: '/signin/7f3c/register' }),
    'register-dead-plain': registerDeadPage({}),
  };
}
