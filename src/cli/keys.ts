/** `latchkey keys …` */
import { type KeyInfo, PUBLISH_AHEAD_SECONDS } from '../domain/keys/index.js';
import {
  type Ask,
  type Command,
  done,
  failed,
  jsonOption,
  type Outcome,
  operator,
  readArguments,
  table,
  UsageError,
} from './command.js';
import type { CliCore } from './core.js';

const none = { min: 0, max: 0, what: 'nothing else' };

const list: Command = {
  name: 'keys list',
  usage: '',
  summary: 'Show the signing keys that are published, and those that were revoked',
  options: [jsonOption],
  prepare(args) {
    readArguments(args, {}, none);
    return async ({ domain }) => {
      const keys = await domain.keys.list();
      return done(
        keys,
        ...table(
          ['KID', 'ALG', 'STATE', 'SIGNS FROM', 'PUBLISHED UNTIL'],
          keys.map((key) => [
            key.kid,
            key.alg,
            key.state,
            key.activeFrom.toISOString(),
            key.publishedUntil?.toISOString() ?? '-',
          ]),
        ),
      );
    };
  },
};

const rotate: Command = {
  name: 'keys rotate',
  usage: '[--emergency [--kid <kid>] [--reason <text>] [--yes]]',
  summary: 'Publish new signing keys, which take over once every cache has seen them',
  options: [
    { flag: '--emergency', meaning: 'A key has leaked: take it out now, with all it signed' },
    { flag: '--kid <kid>', meaning: 'Only this key; otherwise all of them' },
    { flag: '--reason <text>', meaning: 'Why; kept in the audit log' },
    { flag: '--yes', meaning: 'Do not ask' },
    jsonOption,
  ],
  prepare(args) {
    const { values } = readArguments(
      args,
      {
        emergency: { type: 'boolean' },
        kid: { type: 'string' },
        reason: { type: 'string' },
        yes: { type: 'boolean' },
      },
      none,
    );
    const { emergency = false, kid, reason = '', yes = false } = values;
    if (!emergency) {
      const alone = (['kid', 'reason', 'yes'] as const).find((name) => values[name] !== undefined);
      if (alone) throw new UsageError(`--${alone} is for --emergency`);
      return rotateInOrder;
    }
    return (core, ask) => revoke(core, ask, { kid, reason, yes });
  },
};

async function rotateInOrder({ flows }: CliCore): Promise<Outcome> {
  const result = await flows.rotateSigningKeys({ administrator: operator });
  switch (result.kind) {
    case 'rotated':
      return done(
        { kids: result.kids, signsInSeconds: PUBLISH_AHEAD_SECONDS },
        ...result.kids.map((kid) => `Published ${kid}`),
        `They sign from ${PUBLISH_AHEAD_SECONDS / 60} minutes from now; the old keys stay published`,
      );
    case 'under-way':
      return failed(`A rotation is under way: ${result.kids.join(', ')} will sign soon`);
    case 'forbidden':
      return failed('That is not allowed');
  }
}

async function revoke(
  { domain, flows }: CliCore,
  ask: Ask,
  { kid, reason, yes }: { kid: string | undefined; reason: string; yes: boolean },
): Promise<Outcome> {
  const hit = (await domain.keys.list()).filter(
    (key) => key.state !== 'revoked' && (kid === undefined || key.kid === kid),
  );
  const missed = kid === undefined ? 'No key is published' : `No published key has the id ${kid}`;
  if (hit.length === 0) return failed(missed);
  if (!yes) {
    const answer = await ask(warning(hit));
    if (answer === undefined) return failed('Nobody is there to ask: add --yes to go on');
    if (!answer) return failed('Nothing was changed');
  }
  const result = await flows.revokeSigningKeys({ administrator: operator, kid, reason });
  if (result.kind !== 'revoked') return failed(missed);
  const { revoked, added } = result;
  return done(
    { revoked, added },
    ...revoked.map((gone) => `Revoked ${gone}`),
    ...added.map((made) => `Published ${made}`),
    'Every node follows within five seconds. What the revoked keys signed no longer verifies;',
    'APIs that keep the JWKS follow when they next fetch it, within five minutes if they do as told.',
  );
}

function warning(hit: readonly KeyInfo[]): string[] {
  return [
    'This takes out at once, and for good:',
    ...hit.map((key) => `  ${key.kid}  ${key.alg}  ${key.state}`),
    'Every JWT access token, ID token and signed answer under them stops verifying, honest ones',
    'included: clients have to fetch new tokens, and a log-out with an old ID token as its hint is',
    'refused. Opaque tokens, refresh tokens and sessions stay. New keys sign without notice, so',
    'APIs that do not fetch the JWKS for a key they do not know fail until they do.',
  ];
}

export const keyCommands: readonly Command[] = [list, rotate];
