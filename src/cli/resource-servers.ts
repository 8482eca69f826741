/** `latchkey resource-servers …` */
import type { ScopeDemand } from '../domain/access/index.js';
import { DEMANDABLE_ACRS } from '../flows/change-scope-demand.js';
import { type SigningAlg, signingAlgs } from '../kernel/signing-algs.js';
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

const create: Command = {
  name: 'resource-servers create',
  usage: '<indicator> --name <name> --scope <name>=<description> [options]',
  summary: 'Make an API known',
  options: [
    { flag: '--name <name>', meaning: 'What shoppers see on the consent page' },
    { flag: '--scope <name>=<description>', meaning: 'Repeatable; in words a shopper understands' },
    { flag: '--acr <scope>=<acr>', meaning: `Repeatable; ${DEMANDABLE_ACRS.join(' or ')}` },
    { flag: '--max-age <scope>=<seconds>', meaning: 'Repeatable; how old the log-in may be' },
    { flag: '--jwt', meaning: 'JWT access tokens (cannot be revoked) instead of opaque ones' },
    { flag: '--jwt-alg <alg>', meaning: `How JWTs are signed: ${signingAlgs.join(', ')}` },
    { flag: '--ttl <seconds>', meaning: 'Life of its tokens; at most 900, JWTs 300' },
    jsonOption,
  ],
  prepare(args) {
    const many = { type: 'string', multiple: true } as const;
    const { values, positionals } = readArguments(
      args,
      {
        name: { type: 'string' },
        scope: many,
        acr: many,
        'max-age': many,
        jwt: { type: 'boolean' },
        'jwt-alg': { type: 'string' },
        ttl: { type: 'string' },
      },
      { min: 1, max: 1, what: 'one indicator (an absolute URI)' },
    );
    const indicator = positionals[0] ?? '';
    const acrs = readPairs('--acr', '<scope>=<acr>', values.acr);
    const ages = readPairs('--max-age', '<scope>=<seconds>', values['max-age']);
    const scopes = (values.scope ?? []).map((entry) => {
      const [name, description] = readPair('--scope', '<name>=<description>', entry);
      const acr = acrs.get(name);
      const age = ages.get(name);
      return {
        name,
        description,
        ...(acr === undefined ? {} : { requiredAcr: acr }),
        ...(age === undefined ? {} : { maxAgeSeconds: readSeconds('--max-age', age) }),
      };
    });
    for (const name of [...acrs.keys(), ...ages.keys()]) {
      if (!scopes.some((scope) => scope.name === name)) {
        throw new UsageError(`There is no --scope ${name} to ask anything for`);
      }
    }
    if (values.ttl !== undefined && !/^[1-9]\d{0,3}$/.test(values.ttl)) {
      throw new UsageError('--ttl must be a number of seconds');
    }
    const jwtAlg = readAlg(values['jwt-alg']);
    if (jwtAlg && !values.jwt) throw new UsageError('--jwt-alg is for --jwt');
    return async ({ flows }) => {
      const result = await flows.createResourceServer({
        draft: {
          indicator,
          name: values.name ?? '',
          format: values.jwt ? 'jwt' : 'opaque',
          ...(jwtAlg ? { jwtAlg } : {}),
          scopes,
          ...(values.ttl ? { accessTokenTtl: Number(values.ttl) } : {}),
        },
        actor: operator,
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

function readAlg(value: string | undefined): SigningAlg | undefined {
  const known = signingAlgs.find((alg) => alg === value);
  if (value !== undefined && !known) {
    throw new UsageError(`--jwt-alg must be one of ${signingAlgs.join(', ')}`);
  }
  return known;
}

/** At the first "=: descriptions may have some of their own, names cannot. */
function readPair(flag: string, form: string, entry: string): [string, string] {
  const at = entry.indexOf('=');
  if (at < 1 || at === entry.length - 1) throw new UsageError(`${flag} must be ${form}`);
  return [entry.slice(0, at), entry.slice(at + 1)];
}

function readPairs(flag: string, form: string, entries: readonly string[] = []) {
  const pairs = new Map(entries.map((entry) => readPair(flag, form, entry)));
  if (pairs.size < entries.length) throw new UsageError(`${flag} names a scope twice`);
  return pairs;
}

function readSeconds(flag: string, value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new UsageError(`${flag} must be a number of seconds`);
  return Number(value);
}

const requireLogin: Command = {
  name: 'resource-servers require',
  usage: '<indicator> <scope> [--acr <acr>] [--max-age <seconds>] | --none',
  summary: 'Say how strong and fresh the log-in behind a scope must be',
  options: [
    { flag: '--acr <acr>', meaning: DEMANDABLE_ACRS.join(' or ') },
    { flag: '--max-age <seconds>', meaning: 'How old the log-in may be' },
    { flag: '--none', meaning: 'Ask for nothing; what is not named is not asked for either' },
    jsonOption,
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { acr: { type: 'string' }, 'max-age': { type: 'string' }, none: { type: 'boolean' } },
      { min: 2, max: 2, what: 'a resource server and one of its scopes' },
    );
    const [indicator = '', scope = ''] = positionals;
    const age = values['max-age'];
    const named = values.acr !== undefined || age !== undefined;
    if (named === (values.none ?? false)) {
      throw new UsageError('Name --acr, --max-age or both; or --none alone');
    }
    const demand: ScopeDemand = {
      requiredAcr: values.acr ?? null,
      maxAgeSeconds: age === undefined ? null : readSeconds('--max-age', age),
    };
    return async ({ flows }) => {
      const result = await flows.changeScopeDemand({ indicator, scope, demand, actor: operator });
      switch (result.kind) {
        case 'unknown-resource-server':
          return failed(`There is no resource server ${indicator}`);
        case 'unknown-scope':
          return failed(`${indicator} has no scope ${scope}, only ${result.scopes.join(', ')}`);
        case 'invalid':
          return failed(result.faults.join('; '));
        case 'changed':
          return done(
            { indicator, scope, ...demand },
            `${scope} asks for ${inWords(demand) || 'no special log-in'}`,
          );
      }
    };
  },
};

/** Empty when it asks for nothing. */
function inWords({ requiredAcr, maxAgeSeconds }: Partial<ScopeDemand>): string {
  return [requiredAcr, maxAgeSeconds && `a log-in of the last ${maxAgeSeconds} s`]
    .filter(Boolean)
    .join(' and ');
}

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
        servers.map(({ indicator, name, format, jwtAlg, accessTokenTtl, scopes }) => ({
          indicator,
          name,
          format,
          ...(format === 'jwt' ? { jwtAlg } : {}),
          accessTokenTtl,
          scopes: scopes.map((scope) => scope.name),
          demands: scopes.flatMap(({ name: scope, requiredAcr, maxAgeSeconds }) =>
            requiredAcr || maxAgeSeconds ? [{ scope, requiredAcr, maxAgeSeconds }] : [],
          ),
        })),
        ...table(
          ['INDICATOR', 'NAME', 'FORMAT', 'SCOPES', 'ASK FOR'],
          servers.map((server) => [
            server.indicator,
            server.name,
            server.format,
            server.scopes.map((scope) => scope.name).join(' '),
            server.scopes
              .flatMap((scope) => (inWords(scope) ? [`${scope.name}: ${inWords(scope)}`] : []))
              .join('; '),
          ]),
        ),
      );
    };
  },
};

export const resourceServerCommands: readonly Command[] = [create, list, requireLogin];
