/** What a client that is registered already may ask for at an API. */
import { type Command, done, failed, readArguments, UsageError } from './command.js';

export const grantCommand: Command = {
  name: 'clients grant',
  usage: '<id> <indicator> <scope>… | --none',
  summary: 'Say which scopes of an API a client may ask for',
  options: [
    { flag: '--none', meaning: 'None of them any more' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { none: { type: 'boolean' } },
      { min: 2, max: 50, what: 'a client id, a resource server and the scopes' },
    );
    const [clientId = '', indicator = '', ...scopes] = positionals;
    if (scopes.length > 0 === (values.none ?? false)) {
      throw new UsageError('Name the scopes, all of them; or --none alone');
    }
    return async ({ flows }) => {
      const actor = { kind: 'operator' } as const;
      const result = await flows.grantScopes({ clientId, indicator, scopes, actor });
      switch (result.kind) {
        case 'built-in':
          return failed(`"${clientId}" is part of Latchkey, which says itself what it may do`);
        case 'unknown-client':
          return failed(`There is no client "${clientId}"`);
        case 'unknown-resource-server':
          return failed(`There is no resource server ${indicator}`);
        case 'unknown-scope':
          return failed(`${indicator} has no other scopes than ${result.scopes.join(', ')}`);
        case 'changed':
          return done(
            { client_id: clientId, indicator, scopes },
            scopes.length > 0
              ? `${clientId} may ask for ${scopes.join(' ')} of ${indicator}, and nothing else of it`
              : `${clientId} may ask for nothing of ${indicator} any more`,
          );
      }
    };
  },
};
