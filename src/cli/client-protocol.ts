/** The protocol settings of a client: at its registration and afterwards. */
import { readFileSync } from 'node:fs';
import {
  type ClientMetadata,
  metadataNames,
  type ProtocolChanges,
  profiles,
  type RefreshLimits,
} from '../domain/clients/index.js';
import { type Command, done, failed, oneOf, readArguments, UsageError } from './command.js';

/** Options that `clients create` and `clients configure` have in common. */
export const protocolOptions = [
  { flag: '--profile <profile>', meaning: `The rules it lives by: ${profiles.join(', ')}` },
  { flag: '--metadata <file>', meaning: 'JSON of further client metadata (RFC 7591), by name' },
  { flag: '--refresh-grace <seconds>', meaning: 'Losers of a refresh race are answered, 0 to 60' },
  { flag: '--refresh-idle <seconds>', meaning: 'Refresh tokens end when unused for this long' },
  { flag: '--refresh-absolute <seconds>', meaning: 'And at this age, however they are used' },
] as const;

export const protocolArguments = {
  profile: { type: 'string' },
  metadata: { type: 'string' },
  'refresh-grace': { type: 'string' },
  'refresh-idle': { type: 'string' },
  'refresh-absolute': { type: 'string' },
} as const;

type Values = { readonly [name in keyof typeof protocolArguments]?: string | undefined };

/** What was given of them. */
export function readProtocol(values: Values): {
  profile?: (typeof profiles)[number];
  metadata?: Record<string, unknown>;
  refresh: RefreshLimits;
} {
  const limits = { grace: 'refresh-grace', idle: 'refresh-idle', absolute: 'refresh-absolute' };
  const refresh = Object.entries(limits).flatMap(([name, flag]) => {
    const value = values[flag as keyof Values];
    if (value === undefined) return [];
    if (!/^\d{1,9}$/.test(value)) throw new UsageError(`--${flag} must be a number of seconds`);
    return [[name, Number(value)]];
  });
  return {
    ...(values.profile ? { profile: oneOf('--profile', values.profile, profiles) } : {}),
    ...(values.metadata ? { metadata: readObject(values.metadata) } : {}),
    refresh: Object.fromEntries(refresh) as RefreshLimits,
  };
}

/** As a registration takes it: its faults are found there, by name. */
export function asRegistered({ metadata, ...rest }: ReturnType<typeof readProtocol>) {
  return { ...rest, ...(metadata ? { metadata: metadata as ClientMetadata } : {}) };
}

function readObject(file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--metadata: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError('--metadata: the file must hold one JSON object');
  }
  return value as Record<string, unknown>;
}

export const configureCommand: Command = {
  name: 'clients configure',
  usage: '<id> [options]',
  summary: 'Change the protocol settings of a registered client',
  options: [
    ...protocolOptions,
    { flag: '--require-par <on|off>', meaning: 'Only pushed authorization requests (RFC 9126)' },
    { flag: '--dpop <on|off>', meaning: 'Only DPoP-bound access tokens (RFC 9449)' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      { ...protocolArguments, 'require-par': { type: 'string' }, dpop: { type: 'string' } },
      { min: 1, max: 1, what: 'one client id' },
    );
    const clientId = positionals[0] ?? '';
    const switched = (flag: 'require-par' | 'dpop') => {
      const value = values[flag];
      return value === undefined ? undefined : oneOf(`--${flag}`, value, ['on', 'off']) === 'on';
    };
    const [par, dpop] = [switched('require-par'), switched('dpop')];
    const changes: ProtocolChanges = {
      ...readProtocol(values),
      ...(par === undefined ? {} : { requirePushedRequests: par }),
      ...(dpop === undefined ? {} : { dpopBoundAccessTokens: dpop }),
    };
    if (Object.keys(values).every((name) => name === 'json')) {
      throw new UsageError(
        `Say what to change. Metadata in the file: ${metadataNames.join(', ')}; null takes one away`,
      );
    }
    return async ({ flows }) => {
      const actor = { kind: 'operator' } as const;
      const result = await flows.configureClient({ clientId, changes, actor });
      if (result.kind === 'not-found') return failed(`There is no client "${clientId}"`);
      if (result.kind === 'invalid') return failed(result.faults.join('; '));
      return done({ client_id: clientId }, `Changed ${clientId}`);
    };
  },
};
