/** The life and death of the hashing process: every kill here is real. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { PasswordHasher } from '../../src/platform/password-hasher.js';
import { cheap, outcome, start } from './password-hasher-support.js';

// Processes of the lowest priority come and go here; a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 });

const onLinux = process.platform === 'linux';

/** For what a process of the lowest priority has to do: on a busy machine that takes a while. */
async function until(condition: () => boolean, limitMs = 40_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error('waited in vain');
    await sleep(10);
  }
}

/** The state and nice value of a process; a zombie that nobody has reaped counts as gone. */
function procStat(pid: number | string): { state: string; nice: number } | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  const [state = '', ...rest] = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return state === 'Z' ? undefined : { state, nice: Number(rest[15]) };
}

function pidOf(hasher: PasswordHasher): number {
  const { pid } = hasher.stats();
  if (pid === undefined) throw new Error('the hashing process is not there');
  return pid;
}

describe('the hashing process', () => {
  it('that is killed is replaced, and what it held is refused, not guessed', async () => {
    const reasons: string[] = [];
    const hasher = start({ onRestart: (reason) => reasons.push(reason) });
    const phc = await hasher.hash('p');
    const first = pidOf(hasher);
    const held = outcome(hasher.verify(phc, 'p'));
    process.kill(first, 'SIGKILL');
    expect(['overloaded', true]).toContain(await held);
    expect(await hasher.verify(phc, 'p')).toBe(true);
    expect(pidOf(hasher)).not.toBe(first);
    expect(reasons).toEqual(['exited with SIGKILL']);
  });

  it('that dies again and again is not restarted in a tight loop', async () => {
    const restarts: number[] = [];
    const hasher = start({ parameters: cheap, onRestart: () => restarts.push(performance.now()) });
    for (let death = 0; death < 4; death += 1) {
      await until(() => hasher.stats().pid !== undefined);
      process.kill(pidOf(hasher), 'SIGKILL');
      await until(() => restarts.length > death);
    }
    const [, second = 0, , fourth = 0] = restarts;
    expect(fourth - second).toBeGreaterThan(300);
    expect(await hasher.verify(hasher.dummyHash, 'p')).toBe(false);
  });

  it('ignores Ctrl-C and SIGTERM, and ends when it is told to', async () => {
    const hasher = start({ parameters: cheap });
    const phc = await hasher.hash('p');
    const pid = pidOf(hasher);
    process.kill(pid, 'SIGINT');
    process.kill(pid, 'SIGTERM');
    await sleep(50);
    const inFlight = hasher.verify(phc, 'p');
    const closed = hasher.close();
    expect(await outcome(hasher.verify(phc, 'p'))).toBe('overloaded');
    expect(await inFlight).toBe(true);
    await closed;
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it.runIf(onLinux)('has the lowest priority in every thread and a bare environment', async () => {
    const hasher = start({ parameters: cheap });
    await hasher.hash('p');
    const pid = pidOf(hasher);
    expect(procStat(pid)?.nice).toBe(19);
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      expect(procStat(`${pid}/task/${thread}`)?.nice).toBe(19);
    }
    const names = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .map((entry) => entry.split('=')[0]);
    expect(names.filter((name) => name !== '' && !name?.startsWith('NODE_CHANNEL'))).toEqual([
      'UV_THREADPOOL_SIZE',
    ]);
  });

  it.runIf(onLinux)('does not outlive a server killed with -9, even while hashing', async () => {
    const hasherUrl = new URL('../../src/platform/password-hasher.ts', import.meta.url).href;
    const script = `
      import { startPasswordHasher } from ${JSON.stringify(hasherUrl)};
      const hasher = startPasswordHasher({ parameters: { memoryCost: 262144, timeCost: 8, parallelism: 1 } });
      await hasher.ready();
      void hasher.hash('in flight');
      console.log(hasher.stats().pid);
    `;
    const tsx = import.meta.resolve?.('tsx') ?? 'tsx';
    const server = spawn(
      process.execPath,
      ['--import', tsx, '--input-type=module', '--eval', script],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(server.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(procStat(pid)).toBeDefined();
    await sleep(50);
    server.kill('SIGKILL');
    await until(() => procStat(pid) === undefined);
  });
});
