/**
 * The stylesheet, the scripts and the mark, the widget of the check against robots and the
 * library that speaks to passkeys. Every file carries the hash of its content in its name, so a browser keeps it for a year and still
 * never shows an old one. All files are read once at start: a request chooses among them by name
 * and never reaches the file system.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Middleware } from 'koa';

const folder = fileURLToPath(new URL('../../views/assets/', import.meta.url));
const prefix = '/assets/';

/** From the npm package: the build that brings neither inline styles nor inline workers. */
const altcha = dirname(createRequire(import.meta.url).resolve('altcha/altcha.css'));
/** Of the npm package: the one file that a page can load as it is. */
const webauthn = dirname(createRequire(import.meta.url).resolve('@simplewebauthn/browser'));
const files: readonly (readonly [name: string, path: string])[] = [
  ...readdirSync(folder).map((name) => [name, join(folder, name)] as const),
  ['altcha.css', join(altcha, 'altcha.css')],
  ['altcha.js', join(altcha, 'altcha.min.js')],
  ['altcha-worker.js', join(altcha, '..', 'workers', 'pbkdf2.js')],
  ['simplewebauthn.js', join(webauthn, '..', 'dist', 'bundle', 'index.umd.min.js')],
];

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
};

type Encoding = 'br' | 'gzip' | 'identity';
type Asset = {
  readonly name: string;
  readonly hash: string;
  readonly url: string;
  readonly type: string;
  readonly bodies: Readonly<Record<Encoding, Buffer>>;
};

const assets = new Map<string, Asset>();
for (const [name, path] of files) {
  const extension = extname(name);
  const type = types[extension];
  if (type === undefined) continue;
  const identity = readFileSync(path);
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  const url = `${prefix}${name.slice(0, -extension.length)}.${hash}${extension}`;
  const bodies = {
    identity,
    // One step below the highest quality: a tenth of the time for the last few per cent.
    br: brotliCompressSync(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    gzip: gzipSync(identity),
  };
  assets.set(name, { name, hash, url, type, bodies });
}

/** The address of an asset, for use in a page. Throws for a name that is not there. */
export function assetUrl(name: string): string {
  const asset = assets.get(name);
  if (asset === undefined) throw new Error(`there is no asset called ${name}`);
  return asset.url;
}

/** Splits `/assets/name.hash.ext` into the asset and the hash that was asked for. */
function findAsset(path: string): { asset: Asset; hash: string } | undefined {
  const match = /^\/assets\/([a-z0-9-]+)\.([0-9a-f]{12})(\.[a-z]+)$/.exec(path);
  if (match === null) return undefined;
  const [, stem = '', hash = '', extension = ''] = match;
  const asset = assets.get(stem + extension);
  return asset && { asset, hash };
}

/** Answers everything below `/assets/` and passes on the rest. */
export function serveAssets(): Middleware {
  return async (ctx, next) => {
    if (!ctx.path.startsWith(prefix)) return next();

    ctx.set('X-Content-Type-Options', 'nosniff');
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin');
    const found = findAsset(ctx.path);
    if (found === undefined) {
      ctx.set('Cache-Control', 'no-store');
      ctx.status = 404;
      ctx.body = 'Not found';
      return;
    }
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      ctx.status = 405;
      return;
    }

    const { asset, hash } = found;
    // While two releases run side by side, a page of the other one still gets a stylesheet,
    // but nobody keeps it under the wrong name.
    const current = hash === asset.hash;
    const encoding = (ctx.acceptsEncodings('br', 'gzip', 'identity') || 'identity') as Encoding;
    ctx.set('Cache-Control', current ? 'public, max-age=31536000, immutable' : 'no-store');
    ctx.set('Vary', 'Accept-Encoding');
    ctx.set('Content-Type', asset.type);
    ctx.set('ETag', `"${asset.hash}-${encoding}"`);
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    if (encoding !== 'identity') ctx.set('Content-Encoding', encoding);
    ctx.body = asset.bodies[encoding];
  };
}
