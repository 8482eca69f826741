/** What a client's log-in page offers besides the password: switched on and off. */
import type { LogInPageSwitch } from '../flows/log-in-page-switch.js';
import { type Command, done, failed, readArguments, UsageError } from './command.js';
import type { CliCore } from './core.js';

function switchCommand(of: {
  readonly name: string;
  readonly summary: string;
  /** In the output for scripts. */
  readonly field: string;
  readonly flow: (flows: CliCore['flows']) => LogInPageSwitch;
  readonly says: {
    readonly on: (clientId: string) => string;
    readonly off: (clientId: string) => string;
    readonly noLogIn: (clientId: string) => string;
  };
}): Command {
  return {
    name: of.name,
    usage: '<id> <on|off>',
    summary: of.summary,
    options: [{ flag: '--json', meaning: 'Machine-readable output' }],
    prepare(args) {
      const { positionals } = readArguments(
        args,
        {},
        { min: 2, max: 2, what: 'one client id, and "on" or "off"' },
      );
      const [clientId = '', wanted = ''] = positionals;
      if (wanted !== 'on' && wanted !== 'off') {
        throw new UsageError(`It must be "on" or "off", not "${wanted}"`);
      }
      const allowed = wanted === 'on';
      return async ({ flows }) => {
        const actor = { kind: 'operator' } as const;
        const result = await of.flow(flows)({ clientId, allowed, actor });
        switch (result.kind) {
          case 'not-found':
            return failed(`There is no client "${clientId}"`);
          case 'no-log-in':
            return failed(of.says.noLogIn(clientId));
          case 'changed':
            return done({ client_id: clientId, [of.field]: allowed }, of.says[wanted](clientId));
        }
      };
    },
  };
}

export const switchCommands: readonly Command[] = [
  switchCommand({
    name: 'clients sign-up',
    summary: 'Let newcomers create an account at a client, or no longer',
    field: 'sign_up',
    flow: ({ allowSignUp }) => allowSignUp,
    says: {
      on: (id) => `Newcomers can create an account at ${id}`,
      off: (id) => `Nobody can create an account at ${id} any more`,
      noLogIn: (id) => `Nobody logs in to "${id}", so nobody can sign up there`,
    },
  }),
  switchCommand({
    name: 'clients email-code',
    summary: 'Let shoppers sign in with a code by e-mail at a client, or no longer',
    field: 'email_code',
    flow: ({ allowEmailCode }) => allowEmailCode,
    says: {
      on: (id) => `Shoppers can sign in to ${id} with a code by e-mail`,
      off: (id) => `Nobody can sign in to ${id} with a code by e-mail any more`,
      noLogIn: (id) => `"${id}" has no log-in page of its own to offer a code on`,
    },
  }),
];
