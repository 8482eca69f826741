/** A client's server on loopback that is told of log-outs, and believes nothing unchecked. */
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { ORDERS, register } from './protocol.js';
import { freePort, type TestServer } from './server.js';

export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export type RelyingParty = {
  readonly id: string;
  readonly redirectUri: string;
  readonly port: number;
  /** The logout tokens that came, verified, in the order of their arrival. */
  readonly notices: JWTPayload[];
  /** What came and was not what it has to be. */
  readonly faults: string[];
  /** How it answers from now on; `hang` never does. */
  answer: number | 'hang';
  /** Nobody listens any more, until `listen`. */
  deaf(): Promise<void>;
  listen(): Promise<void>;
  close(): Promise<void>;
};

/** Registers a client of the shop that is told of log-outs at a server that it starts. */
export async function openRelyingParty(
  server: TestServer,
  id: string,
  options: { metadata?: object; args?: readonly string[]; algorithm?: string } = {},
): Promise<RelyingParty> {
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/oauth2/jwks`));
  let http: Server | undefined;
  const party = {
    id,
    redirectUri: `https://${id}.example/callback`,
    // From below those that anybody's connections are made from: it has to be free again later.
    port: await freePort(),
    notices: [] as JWTPayload[],
    faults: [] as string[],
    answer: 200 as number | 'hang',

    async listen() {
      const opened = createServer((req, res) => {
        const chunks: Buffer[] = [];
        req.on('data', (chunk: Buffer) => chunks.push(chunk));
        req.on('end', () => {
          const type = req.headers['content-type'];
          void receive(req.method, req.url, type, Buffer.concat(chunks)).then(() => {
            if (party.answer === 'hang') return;
            // Nothing is to be followed.
            res.writeHead(party.answer, { location: '/elsewhere', 'cache-control': 'no-store' });
            res.end();
          });
        });
      });
      http = opened;
      await new Promise<void>((resolve) => opened.listen(party.port, '127.0.0.1', resolve));
      party.port = (opened.address() as AddressInfo).port;
    },
    async deaf() {
      const ended = new Promise((resolve) => http?.close(resolve));
      http?.closeAllConnections();
      await ended;
    },
    close: () => party.deaf(),
  };

  async function receive(method?: string, url?: string, type?: string, body?: Buffer) {
    try {
      if (method !== 'POST' || url !== '/logout') throw new Error(`${method} ${url}`);
      if (!type?.startsWith('application/x-www-form-urlencoded')) throw new Error(`type ${type}`);
      const form = new URLSearchParams(body?.toString() ?? '');
      if ([...form.keys()].join() !== 'logout_token') throw new Error(`form ${body}`);
      const { payload } = await jwtVerify(form.get('logout_token') ?? '', keys, {
        issuer: server.issuer,
        audience: id,
        typ: 'logout+jwt',
        algorithms: [options.algorithm ?? 'ES256'],
        requiredClaims: ['iat', 'exp', 'jti', 'events', 'sub', 'sid'],
      });
      if ('nonce' in payload) throw new Error('a logout token must have no nonce');
      if (JSON.stringify(payload.events) !== JSON.stringify({ [LOGOUT_EVENT]: {} })) {
        throw new Error(`events ${JSON.stringify(payload.events)}`);
      }
      party.notices.push(payload);
    } catch (error) {
      party.faults.push(String(error));
    }
  }

  await party.listen();
  const file = join(server.dataDir, `${id}.json`);
  const uri = `http://localhost:${party.port}/logout`;
  await writeFile(file, JSON.stringify({ backchannel_logout_uri: uri, ...options.metadata }));
  await register(server, id, [
    ...['--auth', 'none', '--first-party', '--redirect-uri', party.redirectUri],
    ...['--scope', 'openid offline_access', '--allow', `${ORDERS}=orders:read`],
    ...['--metadata', file],
    ...(options.args ?? []),
  ]);
  return party;
}
