/** `latchkey registration-tokens …`: who may register clients by themselves, and what those may be. */
import { REGISTRATIONS_PER_HOUR } from '../domain/client-registrations/index.js';
import { readAllowance } from './clients.js';
import {
  type Command,
  done,
  failed,
  jsonOption,
  operator,
  readArguments,
  table,
  UsageError,
} from './command.js';

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 };

const create: Command = {
  name: 'registration-tokens create',
  usage: '[--name <name>] [options]',
  summary: 'Make a token with which clients register themselves',
  options: [
    { flag: '--name <name>', meaning: 'Who it is for; only operators see it' },
    { flag: '--expires <duration>', meaning: 'Such as 12h or 90d; 30 days by default' },
    { flag: '--max <n>', meaning: 'Clients it may register in all; no limit by default' },
    {
      flag: '--profile <profile>',
      meaning: 'The rules its clients live by; not legacy in production',
    },
    { flag: '--grant-type <type>', meaning: 'Repeatable; code and refresh tokens by default' },
    { flag: '--scope <scopes>', meaning: 'OpenID scopes its clients may ask for' },
    {
      flag: '--allow <indicator>=<scopes>',
      meaning: 'Repeatable; scopes of an API, none by default',
    },
    jsonOption,
  ],
  prepare(args) {
    const many = { type: 'string', multiple: true } as const;
    const { values } = readArguments(
      args,
      {
        name: { type: 'string' },
        expires: { type: 'string' },
        max: { type: 'string' },
        profile: { type: 'string' },
        'grant-type': many,
        scope: { type: 'string' },
        allow: many,
      },
      { min: 0, max: 0, what: 'no more than options' },
    );
    const seconds = values.expires === undefined ? undefined : readDuration(values.expires);
    const maxClients = values.max === undefined ? undefined : readCount(values.max);
    const allowance = {
      ...(values.profile ? { profile: values.profile } : {}),
      ...(values['grant-type'] ? { grantTypes: [...new Set(values['grant-type'])] } : {}),
      ...(values.scope === undefined
        ? {}
        : { identityScopes: [...new Set(values.scope.split(/\s+/).filter(Boolean))] }),
      apiScopes: Object.fromEntries((values.allow ?? []).map(readAllowance)),
    };
    const { name = '' } = values;
    return async ({ flows }) => {
      const asked = { name, allowance, seconds, maxClients, actor: operator };
      const result = await flows.issueRegistrationToken(asked);
      if (result.kind === 'invalid') return failed(result.faults.join('; '));
      const { id, token, expiresAt } = result;
      return done(
        { id, token, expires_at: expiresAt.toISOString() },
        `Token ${id}, until ${expiresAt.toISOString()}`,
        `${token}  (shown this once)`,
        `It registers up to ${REGISTRATIONS_PER_HOUR} clients an hour, where LATCHKEY_REGISTRATION=token`,
      );
    };
  },
};

function readDuration(value: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(value) ?? [];
  const seconds = Number(count) * (UNITS[unit] ?? 0);
  if (seconds === 0) throw new UsageError('--expires must be a duration such as 45m, 12h or 90d');
  return seconds;
}

function readCount(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new UsageError('--max must be a whole number from 1');
  return Number(value);
}

const list: Command = {
  name: 'registration-tokens list',
  usage: '',
  summary: 'Show the tokens with which clients register themselves',
  options: [jsonOption],
  prepare(args) {
    readArguments(args, {}, { min: 0, max: 0, what: 'nothing else' });
    return async ({ domain }) => {
      const tokens = await domain.clientRegistrations.listRegistrationTokens();
      const now = new Date();
      const stateOf = ({ revokedAt, expiresAt, clients, maxClients }: (typeof tokens)[number]) => {
        if (revokedAt) return 'revoked';
        if (expiresAt <= now) return 'expired';
        return maxClients !== null && clients >= maxClients ? 'used up' : 'active';
      };
      return done(
        tokens.map((token) => ({ ...token, state: stateOf(token) })),
        ...table(
          ['ID', 'NAME', 'STATE', 'CLIENTS', 'UNTIL', 'PROFILE', 'GRANT TYPES', 'SCOPES'],
          tokens.map((token) => [
            token.id,
            token.name,
            stateOf(token),
            `${token.clients}${token.maxClients === null ? '' : ` of ${token.maxClients}`}`,
            token.expiresAt.toISOString(),
            token.profile,
            token.grantTypes.join(' '),
            [token.identityScopes, ...Object.values(token.apiScopes)].flat().join(' '),
          ]),
        ),
      );
    };
  },
};

const revoke: Command = {
  name: 'registration-tokens revoke',
  usage: '<id>',
  summary: 'End such a token; clients it has registered stay',
  options: [jsonOption],
  prepare(args) {
    const { positionals } = readArguments(args, {}, { min: 1, max: 1, what: 'one token id' });
    const [id = ''] = positionals;
    return async ({ flows }) => {
      const result = await flows.revokeRegistrationToken({ id, actor: operator });
      return result === 'revoked'
        ? done({ id, revoked: true }, `Revoked ${id}`)
        : failed(`There is no living token ${id}`);
    };
  },
};

export const registrationTokenCommands: readonly Command[] = [create, list, revoke];
