/** `latchkey keys …` */
import { PUBLISH_AHEAD_SECONDS } from '../domain/keys/index.js';
import { type Command, done, readArguments, table } from './command.js';

const none = { min: 0, max: 0, what: 'nothing else' };
const jsonOption = { flag: '--json', meaning: 'Machine-readable output' };

const list: Command = {
  name: 'keys list',
  usage: '',
  summary: 'Show the signing keys that are published',
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
  usage: '',
  summary: 'Publish new signing keys, which take over once every cache has seen them',
  options: [jsonOption],
  prepare(args) {
    readArguments(args, {}, none);
    return async ({ flows }) => {
      const { kids } = await flows.rotateSigningKeys({ actor: { kind: 'operator' } });
      return done(
        { kids, signsInSeconds: PUBLISH_AHEAD_SECONDS },
        ...kids.map((kid) => `Published ${kid}`),
        `They sign from ${PUBLISH_AHEAD_SECONDS / 60} minutes from now; the old keys stay published`,
      );
    };
  },
};

export const keyCommands: readonly Command[] = [list, rotate];
