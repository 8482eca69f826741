/** `latchkey resource-servers …` */
import { type Command, done, failed, readArguments, table, UsageError } from './command.js';

const jsonOption = { flag: '--json', meaning: 'Machine-readable output' };

const create: Command = {
  name: 'resource-servers create',
  usage: '<indicator> --name <name> --scope <name>=<description> [--jwt] [--ttl <seconds>]',
  summary: 'Make an API known',
  options: [
    { flag: '--name <name>', meaning: 'What shoppers see on the consent page' },
    { flag: '--scope <name>=<description>', meaning: 'Repeatable; in words a shopper understands' },
    { flag: '--jwt', meaning: 'JWT access tokens (cannot be revoked) instead of opaque ones' },
    { flag: '--ttl <seconds>', meaning: 'Life of its tokens; at most 900, JWTs 300' },
    jsonOption,
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      {
        name: { type: 'string' },
        scope: { type: 'string', multiple: true },
        jwt: { type: 'boolean' },
        ttl: { type: 'string' },
      },
      { min: 1, max: 1, what: 'one indicator (an absolute URI)' },
    );
    const indicator = positionals[0] ?? '';
    const scopes = (values.scope ?? []).map((entry) => {
      const at = entry.indexOf('=');
      if (at < 1 || at === entry.length - 1) {
        throw new UsageError('--scope must be <name>=<description>');
      }
      return { name: entry.slice(0, at), description: entry.slice(at + 1) };
    });
    if (values.ttl !== undefined && !/^[1-9]\d{0,3}$/.test(values.ttl)) {
      throw new UsageError('--ttl must be a number of seconds');
    }
    return async ({ flows }) => {
      const result = await flows.createResourceServer({
        draft: {
          indicator,
          name: values.name ?? '',
          format: values.jwt ? 'jwt' : 'opaque',
          scopes,
          ...(values.ttl ? { accessTokenTtl: Number(values.ttl) } : {}),
        },
        actor: { kind: 'operator' },
      });
      switch (result.kind) {
        case 'created':
          return done({ indicator }, `Created ${indicator}`);
        case 'indicator-taken':
          return failed(`There is a resource server ${indicator} already`);
        case 'invalid':
          return failed(result.faults.join('; '));
      }
    };
  },
};

const list: Command = {
  name: 'resource-servers list',
  usage: '',
  summary: 'Show the APIs and their scopes',
  options: [jsonOption],
  prepare(args) {
    readArguments(args, {}, { min: 0, max: 0, what: 'nothing else' });
    return async ({ domain }) => {
      const servers = await domain.access.listResourceServers();
      return done(
        servers.map(({ indicator, name, format, accessTokenTtl, scopes }) => ({
          indicator,
          name,
          format,
          accessTokenTtl,
          scopes: scopes.map((scope) => scope.name),
        })),
        ...table(
          ['INDICATOR', 'NAME', 'FORMAT', 'SCOPES'],
          servers.map((server) => [
            server.indicator,
            server.name,
            server.format,
            server.scopes.map((scope) => scope.name).join(' '),
          ]),
        ),
      );
    };
  },
};

export const resourceServerCommands: readonly Command[] = [create, list];
