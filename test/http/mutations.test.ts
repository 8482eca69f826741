/**
 * Sound requests, broken in every way that chance finds: whatever arrives, the answer is one of
 * those documented. Nothing breaks on our side, nobody is led to a place that is not registered,
 * and nothing is given for a request that is not whole.
 *
 * The same requests each time, so that it is a change of the code that turns a test red.
 * MUTATIONS_RUNS sets how many for each kind, MUTATIONS_SEED which; see CONTRIBUTING.md.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { faultsOf, unsound } from '../support/answers.js';
import { type Mutation, mutate, mutation } from '../support/mutations.js';
import { type Outgoing, send, written } from '../support/outgoing.js';
import type { WireReply } from '../support/protocol.js';
import { CALM, startServer, type TestServer } from '../support/server.js';
import { openSoundRequests, SOUND } from '../support/sound-requests.js';

const RUNS = Number(process.env.MUTATIONS_RUNS ?? 40);
const SEED = Number(process.env.MUTATIONS_SEED ?? 6749);
/** Nothing takes that long: whoever does has been made to hang. */
const PATIENCE = 10_000;
const HEAD_LIMIT = 16 * 1024;
const BODY_LIMIT = 56 * 1024;

let server: TestServer;
let sound: Awaited<ReturnType<typeof openSoundRequests>>;
/** What was asked, by the id under which the log would complain about it. */
const asked = new Map<string, string>();
const answers = new Map<string, number>();

beforeAll(async () => {
  server = await startServer({ env: CALM });
  sound = await openSoundRequests(server);
});
afterAll(() => server?.stop());

const shortened = (text: string) =>
  text.length > 400 ? `${text.slice(0, 300)}… (${text.length})` : text;

/** As it goes over the wire, but for what is too long to read. */
function printed({ method, path, carrier, parameters, headers, body }: Outgoing): string {
  const lines = parameters.map((parameter) => `  ${shortened(written([parameter]))}`);
  const head = headers.map(([name, value]) => shortened(`${name}: ${value}`));
  return [`${method} ${path}`, ...head, `(${carrier})`, ...lines, shortened(body ?? '')].join('\n');
}

/** Sends it; undefined where the server hung up on what is too large to be read. */
async function sent(request: Outgoing): Promise<WireReply | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${PATIENCE} ms`)), PATIENCE);
  });
  try {
    return await Promise.race([send(server, request), tooLong]);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parameters = written(request.parameters).length;
    const queried = request.carrier === 'query';
    const head = JSON.stringify(request.headers).length + (queried ? parameters : 0);
    const body = request.body?.length ?? (queried ? 0 : parameters);
    const large = head > HEAD_LIMIT || body > BODY_LIMIT;
    if (large && (code === 'ECONNRESET' || code === 'EPIPE')) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Sends a sound request with changes; throws with all that is wrong with what came back. */
async function attempt(kind: string, steps: readonly Mutation[]): Promise<void> {
  const make = sound.requests[kind];
  if (!make) throw new Error(`there is no sound request "${kind}"`);
  const base = await make();
  const broken = steps.reduce<Outgoing>(
    (request, step) => mutate(request, step, sound.foreign),
    base,
  );
  const reply = await sent(broken);
  if (!reply) return;
  asked.set(String(reply.headers['x-request-id']), printed(broken));
  const outcome = `${reply.status} ${reply.json.error ?? ''}`.trim();
  answers.set(outcome, (answers.get(outcome) ?? 0) + 1);

  const faults = faultsOf(server.issuer, broken, reply);
  const given = base.succeeded(reply);
  const reason = unsound(base, broken);
  if (given && reason) faults.push(`it was given although ${reason}`);
  if (base.once) {
    // However the first one ended: what it carried is worth one answer at most.
    const replies = [reply, await sent(base), await sent(base)];
    const winners = replies.filter((one) => one && base.succeeded(one));
    if (winners.length > 1) faults.push(`it was given ${winners.length} times`);
  }
  if (faults.length > 0) {
    const came = `${reply.status} ${JSON.stringify(reply.headers)}\n${shortened(reply.text)}`;
    throw new Error(`${faults.join('\n')}\n\nsent: ${printed(broken)}\n\ncame: ${came}`);
  }
}

test.each(SOUND)('as it is, each of them succeeds: %s', async (kind) => {
  const base = await sound.requests[kind]?.();
  if (!base) throw new Error('there is no such request');
  const reply = await sent(base);
  if (!reply) throw new Error('it was too large');
  expect([base.succeeded(reply), reply.status, reply.text]).toEqual([
    true,
    expect.any(Number),
    expect.any(String),
  ]);
  expect(faultsOf(server.issuer, base, reply)).toEqual([]);
});

/** What was found once, so that it stays found. */
const FOUND: readonly (readonly [kind: string, steps: Mutation[]])[] = [
  // A body that is not what its header says: it was a 500.
  ['logout, posted', [{ op: 'header', header: ['content-encoding', 'gzip'], how: 'instead' }]],
  ['logout, posted', [{ op: 'header', header: ['content-encoding', 'br'], how: 'instead' }]],
];

describe('broken in any way, the answer is a documented one', () => {
  test.each(SOUND)(
    '%s',
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), (steps) =>
          attempt(kind, steps),
        ),
        {
          seed: SEED,
          numRuns: RUNS,
          examples: FOUND.filter(([name]) => name === kind).map(([, steps]) => [steps]),
        },
      );
    },
    120_000 + RUNS * 1_000,
  );
});

test('nothing of it broke anything: the log has no errors', () => {
  const complaints = server
    .output()
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line));
  const told = complaints.map((line) => {
    const [, id = ''] = /"requestId":"([^"]+)"/.exec(line) ?? [];
    return `${shortened(line)}\nfor ${asked.get(id) ?? 'a request unknown'}`;
  });
  expect(told).toEqual([]);
  // Chance did reach what it is to reach: answers of all kinds, and some that were fine.
  if (RUNS >= 20) {
    expect([...answers.keys()]).toEqual(
      expect.arrayContaining([
        ...['200', '303', '400 invalid_request', '400 invalid_grant', '400 invalid_target'],
        ...['401 invalid_client', '401 invalid_token', '405 invalid_request'],
      ]),
    );
  }
});
