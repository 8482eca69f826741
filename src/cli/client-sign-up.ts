/** Whether newcomers may create an account on a client's log-in page. */
import { type Command, done, failed, readArguments, UsageError } from './command.js';

export const signUpCommand: Command = {
  name: 'clients sign-up',
  usage: '<id> <on|off>',
  summary: 'Let newcomers create an account at a client, or no longer',
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
      const result = await flows.allowSignUp({ clientId, allowed, actor });
      switch (result.kind) {
        case 'not-found':
          return failed(`There is no client "${clientId}"`);
        case 'no-log-in':
          return failed(`Nobody logs in to "${clientId}", so nobody can sign up there`);
        case 'changed':
          return done(
            { client_id: clientId, sign_up: allowed },
            allowed
              ? `Newcomers can create an account at ${clientId}`
              : `Nobody can create an account at ${clientId} any more`,
          );
      }
    };
  },
};
