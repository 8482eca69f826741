/** A secret does not leak by accident. */
import { format, inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { createLogger } from '../../src/platform/logger.js';

const WORD = 'correct-horse';
const secret = new Secret(WORD);

it('a secret is shown by reveal() and by nothing else', () => {
  expect(secret.reveal()).toBe(WORD);
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    format('%s %o %j', secret, secret, secret),
    Object.values({ ...secret }).join(),
    JSON.stringify(Object.getOwnPropertyDescriptors(secret)),
  ];
  for (const text of shown) expect(text).not.toContain(WORD);
  expect(shown[0]).toBe('[secret]');
});

it('a secret list is hidden as a whole', () => {
  expect(JSON.stringify([new Secret(['a-key', 'b-key'])])).toBe('["[secret]"]');
});

it('a secret in a log line is redacted, and so is a field with a telling name', () => {
  const lines: string[] = [];
  const log = createLogger(
    { level: 'info', format: 'json' },
    { write: (text) => lines.push(text) },
  );
  log.info({ databaseUrl: secret, password: WORD, request: { authorization: WORD } }, 'hello');
  expect(lines.join()).toContain('hello');
  expect(lines.join()).not.toContain(WORD);
});
