/** Several serving processes on one machine behave as one server that is harder to kill. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type DataDirectory,
  isAlive,
  launch,
  openDataDirectory,
  type Started,
} from '../support/process.js';
import { type Demo, freePort, type TestServer } from '../support/server.js';
import { obtainTokens } from '../support/shopper.js';
import { soon } from '../support/soon.js';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let data: DataDirectory;
let server: Started;
let port: number;
let opsPort: number;

async function start(): Promise<void> {
  data = await openDataDirectory();
  port = await freePort();
  opsPort = await freePort();
  server = launch(
    {
      PORT: String(port),
      LATCHKEY_OPS_PORT: String(opsPort),
      LATCHKEY_DATA_DIR: data.path,
      LATCHKEY_WORKERS: '2',
      LOG_LEVEL: 'warn',
    },
    { detached: true },
  );
  await server.ready;
}

async function cleanUp(): Promise<void> {
  if (server.child.exitCode === null && server.child.signalCode === null) {
    await server.end('SIGKILL');
  }
  await data.remove();
}

/** The process ids of the workers, in the order in which they were hired. */
function workers(): number[] {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8');
  return children
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0 && isAlive(pid) && commandOf(pid).endsWith('worker'));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
  } catch {
    return '';
  }
}

/** One request on a connection of its own; 0 when there was no answer. */
function ask(path: string): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(
      { host: 'localhost', port, path, agent: false, timeout: 5_000 },
      (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(0));
    sent.end();
  });
}

const DISCOVERY = '/.well-known/openid-configuration';
const metrics = async () => (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
const discoveryCount = async () =>
  Number(
    /_count\{method="GET",route="\/\.well-known\/openid-configuration".*\} (\d+)/.exec(
      await metrics(),
    )?.[1] ?? 0,
  );

describe.skipIf(process.platform !== 'linux')('two workers', () => {
  beforeAll(start);
  afterAll(cleanUp);

  it('come up as one server, which says so once', () => {
    expect(workers()).toHaveLength(2);
    expect(server.stdout().match(/Latchkey is ready/g)).toHaveLength(1);
    expect(server.complaints()).toEqual([]);
  });

  it('know the secrets of the machine, though neither arguments nor environment hold them', async () => {
    const { keyring, cookieKeys, databasePassword } = (await data.json('secrets.json')) as {
      keyring: { key: string }[];
      cookieKeys: string[];
      databasePassword: string;
    };
    const secrets = [...keyring.map(({ key }) => key), ...cookieKeys, databasePassword];
    for (const pid of workers()) {
      const seen = commandOf(pid) + readFileSync(`/proc/${pid}/environ`, 'utf8');
      for (const secret of secrets) expect(seen).not.toContain(secret);
    }
  });

  it('log a shopper in together: any of them takes any step', async () => {
    const issuer = `http://localhost:${port}`;
    const demo = (await data.json('demo.json')) as unknown as Demo;
    for (let round = 0; round < 3; round += 1) {
      const { tokens } = await obtainTokens({ issuer, demo } as TestServer);
      expect(tokens.claims()?.iss).toBe(issuer);
    }
  });

  it('are counted together on /metrics', async () => {
    const before = await discoveryCount();
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(DISCOVERY)));
    expect(answers).toEqual(Array.from({ length: 40 }, () => 200));
    expect(await discoveryCount()).toBe(before + 40);
    expect(await metrics()).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('replace one that is killed while requests go on, whichever it is', async () => {
    for (const victim of [0, 1]) {
      const before = workers();
      const killed = before[victim] ?? Number.NaN;
      let going = true;
      const answers: { at: number; status: number }[] = [];
      const hammer = async () => {
        while (going) answers.push({ at: performance.now(), status: await ask(DISCOVERY) });
      };
      const hammers = Array.from({ length: 4 }, hammer);
      await sleep(200);
      process.kill(killed, 'SIGKILL');
      const killedAt = performance.now();
      await expect
        .poll(() => workers().filter((pid) => !before.includes(pid)).length, { timeout: 10_000 })
        .toBe(1);
      await sleep(1_500);
      going = false;
      await Promise.all(hammers);
      const bad = answers.filter(({ status }) => status !== 200);
      // What the dead one held is lost; whoever asks afterwards is answered.
      expect(bad.length).toBeLessThanOrEqual(4);
      for (const { at } of bad) expect(at).toBeLessThan(killedAt + 1_000);
      expect(answers.length).toBeGreaterThan(20);
      expect(workers()).toHaveLength(2);
      expect(workers()).not.toContain(killed);
    }
    await expect.poll(() => server.stdout(), soon).toContain('A worker ended with SIGKILL');
    expect(server.stdout().match(/Latchkey is ready/g)).toHaveLength(1);
  });
});

describe.skipIf(process.platform !== 'linux')('two workers are told to stop', () => {
  beforeEach(start);
  afterEach(cleanUp);

  const expectNothingLeft = async (pids: number[], postmaster: number | undefined) => {
    for (const pid of pids) expect(isAlive(pid)).toBe(false);
    expect(isAlive(postmaster ?? 0)).toBe(false);
    expect(await data.postmaster()).toBeUndefined();
    expect(await ask('/health/live')).toBe(0);
  };

  it('by SIGTERM, and what is in flight gets its answer first', async () => {
    const pids = workers();
    const postmaster = await data.postmaster();
    const { clients } = (await data.json('demo.json')) as unknown as Demo;
    const { client_id = '', client_secret = '' } = clients.automation ?? {};
    const credentials = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
    const form = 'grant_type=client_credentials&resource=urn:latchkey:admin&scope=users:read';
    const head = [
      'POST /oauth2/token HTTP/1.1',
      `Host: localhost:${port}`,
      'Content-Type: application/x-www-form-urlencoded',
      `Authorization: Basic ${credentials}`,
      `Content-Length: ${form.length}`,
    ].join('\r\n');
    // One on each worker: connections are dealt out in turn.
    const sockets = [1, 2].map(() => {
      const socket = connect(port, 'localhost');
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.write(`${head}\r\n\r\n${form.slice(0, 10)}`);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      return { socket, finished: closed.then(() => answer) };
    });
    // Nobody tells when the workers have taken the connections.
    await sleep(1_000);
    const ended = server.end('SIGTERM');
    await expect.poll(() => ask('/health/live'), { timeout: 5_000 }).toBe(0);
    for (const { socket } of sockets) socket.write(form.slice(10));
    for (const { finished } of sockets) {
      expect(await finished).toMatch(/^HTTP\/1\.1 200 [\s\S]*"access_token"/);
    }
    expect(await ended).toEqual({ code: 0, signal: null });
    await expectNothingLeft(pids, postmaster);
  });

  it('by Ctrl-C, which reaches all of them', async () => {
    const pids = workers();
    const postmaster = await data.postmaster();
    process.kill(-server.pid, 'SIGINT');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await expectNothingLeft(pids, postmaster);
    expect(server.complaints()).toEqual([]);
  });

  it('by the death of the one that hired them, and the next start finds everything', async () => {
    const pids = workers();
    const before = await data.json('demo.json');
    await server.end('SIGKILL');
    await expect.poll(() => pids.filter(isAlive), soon).toEqual([]);
    server = launch({
      PORT: String(port),
      LATCHKEY_OPS_PORT: '0',
      LATCHKEY_DATA_DIR: data.path,
      LATCHKEY_WORKERS: '2',
    });
    await server.ready;
    expect(await ask(DISCOVERY)).toBe(200);
    expect(await data.json('demo.json')).toEqual(before);
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
