/** Taking away a client that registered itself. */
import { type Command, done, failed, readArguments } from './command.js';

export const deleteCommand: Command = {
  name: 'clients delete',
  usage: '<id> [--reason <text>] [--yes]',
  summary: 'Take away a client that registered itself, and all that was issued to it',
  options: [
    { flag: '--reason <text>', meaning: 'Why; kept in the audit log' },
    { flag: '--yes', meaning: 'Do not ask' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { reason: { type: 'string' }, yes: { type: 'boolean' } },
      { min: 1, max: 1, what: 'one client id' },
    );
    const [clientId = ''] = positionals;
    return async ({ domain, flows }, ask) => {
      const client = await domain.clients.find(clientId);
      if (!client) return failed(`There is no client "${clientId}"`);
      if (!values.yes) {
        const answer = await ask([
          `This takes away ${client.name} (${clientId}) for good, with every token and consent it has.`,
        ]);
        if (answer === undefined) return failed('Nobody is there to ask: add --yes to go on');
        if (!answer) return failed('Nothing was changed');
      }
      const actor = { kind: 'operator' } as const;
      const result = await flows.removeClient({ clientId, reason: values.reason ?? '', actor });
      switch (result) {
        case 'removed':
          return done({ client_id: clientId, deleted: true }, `Deleted ${clientId}`);
        case 'not-found':
          return failed(`There is no client "${clientId}"`);
        case 'not-self-registered':
          return failed(`"${clientId}" did not register itself: disable it instead`);
      }
    };
  },
};
