/** A single-page shop on loopback: one page, one library, and the module of the documentation. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { filledIn, snippetsOf } from './documented.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const fileOf = (path: string) => readFile(root + path, 'utf8');

export type SinglePageShop = {
  readonly port: number;
  close(): Promise<void>;
};

/** Serves the shop; it may be framed by its own origin only. `issuer` is asked for at each load. */
export async function openSinglePageShop(issuer: () => string): Promise<SinglePageShop> {
  const [snippet = ''] = snippetsOf('clients.md', '## oidc-client-ts', 'js');
  const [page, library, decoder] = await Promise.all([
    fileOf('test/clients/spa/index.html'),
    fileOf('node_modules/oidc-client-ts/dist/esm/oidc-client-ts.js'),
    fileOf('node_modules/jwt-decode/build/esm/index.js'),
  ]);
  const scripts: Readonly<Record<string, () => string>> = {
    '/oidc-client-ts.js': () => library,
    '/jwt-decode.js': () => decoder,
    '/shop.js': () => filledIn(snippet, { 'https://id.shop.example': issuer() }),
  };
  const http = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://shop');
    const script = scripts[pathname];
    if (!script && pathname !== '/' && pathname !== '/callback') {
      res.writeHead(404).end();
      return;
    }
    res.writeHead(200, {
      'content-type': script ? 'text/javascript' : 'text/html',
      'content-security-policy': "frame-ancestors 'self'",
      'cache-control': 'no-store',
    });
    res.end(script ? script() : page);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    port: (http.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}
