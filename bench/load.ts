/** A bounded load on loopback, and what it cost the server in CPU time. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

export type Shot = {
  readonly port: number;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What a right answer contains. */
  readonly expects: string;
};

const TICKS_PER_SECOND = 100;

/** User plus system time of a process in seconds (Linux). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Fires `total` requests over `connections`; throws if one answer is not as expected. */
export async function fire(
  shot: Shot,
  { total, connections }: { total: number; connections: number },
): Promise<{ seconds: number; milliseconds: number[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const milliseconds: number[] = [];
  let left = total;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const started = performance.now();
      const call = request(
        {
          agent,
          host: '127.0.0.1',
          port: shot.port,
          path: shot.path,
          method: shot.method,
          headers: {
            host: `localhost:${shot.port}`,
            ...shot.headers,
            ...(shot.body ? { 'content-length': String(Buffer.byteLength(shot.body)) } : {}),
          },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => {
            milliseconds.push(performance.now() - started);
            if (response.statusCode === 200 && text.includes(shot.expects)) resolve();
            else reject(new Error(`unexpected answer ${response.statusCode}: ${text}`));
          });
        },
      );
      call.on('error', reject);
      call.end(shot.body);
    });
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
  return { seconds: (performance.now() - started) / 1000, milliseconds };
}

/** CPU microseconds of `pid` a request, over a run of `total`. */
export async function cpuPerRequest(pid: number, shot: Shot, total: number): Promise<number> {
  const before = cpuSeconds(pid);
  await fire(shot, { total, connections: 32 });
  return ((cpuSeconds(pid) - before) / total) * 1e6;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
