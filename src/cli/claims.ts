/** `latchkey claims …` */
import type { ClaimSource } from '../domain/claims/index.js';
import type { LostScope } from '../flows/map-claim.js';
import { type Command, done, failed, readArguments, table, UsageError } from './command.js';

const operator = { kind: 'operator' } as const;
const jsonOption = { flag: '--json', meaning: 'Machine-readable output' };

const map: Command = {
  name: 'claims map',
  usage: '<claim> --scope <scope> --from <source> [--access-tokens]',
  summary: 'Say what clients learn about a person beyond the standard claims',
  options: [
    { flag: '--scope <scope>', meaning: 'The scope that brings it; a new name is a new scope' },
    {
      flag: '--from <source>',
      meaning: 'roles, kind, profile.<field> or text:<value>',
    },
    { flag: '--access-tokens', meaning: 'Also in access tokens and introspection' },
    jsonOption,
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      {
        scope: { type: 'string' },
        from: { type: 'string' },
        'access-tokens': { type: 'boolean' },
      },
      { min: 1, max: 1, what: 'one claim' },
    );
    if (!values.scope || !values.from) throw new UsageError('--scope and --from are needed');
    const mapping = {
      claim: positionals[0] ?? '',
      scope: values.scope,
      source: values.from as ClaimSource,
      inAccessTokens: values['access-tokens'] ?? false,
    };
    return async ({ flows }) => {
      const result = await flows.mapClaim({ mapping, actor: operator });
      if (result.kind === 'invalid') return failed(result.faults.join('; '));
      return done(
        { ...mapping, lost: result.lost },
        `${mapping.claim} comes with ${mapping.scope}, from ${mapping.source}`,
        ...linesOf(result.lost),
      );
    };
  },
};

function linesOf(lost: LostScope | undefined): string[] {
  if (!lost) return [];
  const { scope, clientIds } = lost;
  const whose = clientIds.length > 0 ? `; registered for it: ${clientIds.join(', ')}` : '';
  return [`No claim comes with ${scope} any more${whose}`];
}

const list: Command = {
  name: 'claims list',
  usage: '',
  summary: 'Show the claims of the shop’s own',
  options: [jsonOption],
  prepare(args) {
    readArguments(args, {}, { min: 0, max: 0, what: 'nothing else' });
    return async ({ domain }) => {
      const mappings = await domain.claims.listMappings();
      return done(
        mappings,
        ...table(
          ['CLAIM', 'SCOPE', 'FROM', 'ACCESS TOKENS'],
          mappings.map(({ claim, scope, source, inAccessTokens }) => [
            claim,
            scope,
            source,
            inAccessTokens ? 'yes' : 'no',
          ]),
        ),
      );
    };
  },
};

const unmap: Command = {
  name: 'claims unmap',
  usage: '<claim>',
  summary: 'Take a claim of the shop’s own away',
  options: [jsonOption],
  prepare(args) {
    const { positionals } = readArguments(args, {}, { min: 1, max: 1, what: 'one claim' });
    const claim = positionals[0] ?? '';
    return async ({ flows }) => {
      const result = await flows.unmapClaim({ claim, actor: operator });
      if (result.kind === 'not-found') return failed(`No claim "${claim}" was mapped`);
      return done(
        { claim, lost: result.lost },
        `${claim} is in no token from now on`,
        ...linesOf(result.lost),
      );
    };
  },
};

export const claimCommands: readonly Command[] = [map, list, unmap];
