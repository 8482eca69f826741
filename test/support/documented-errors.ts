/** The error codes that `docs/errors.md` promises for the protocol's endpoints. */
import { readFileSync } from 'node:fs';

/** What may stand in `error`, whether in JSON or on the way back to a client. */
export function protocolErrors(): ReadonlySet<string> {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('The protocol itself has error codes of its own');
  const codes = section
    .split('\nThree rules')[0]
    ?.split('\n')
    .filter((line) => !line.startsWith('|') || line.startsWith('| `'))
    .map((line) => (line.startsWith('|') ? (line.split('|')[1] ?? '') : line))
    .flatMap((text) => [...text.matchAll(/`([a-z_]+)`/g)].map(([, code = '']) => code));
  if (!codes || codes.length < 20) throw new Error('docs/errors.md has no table of protocol codes');
  return new Set(codes);
}
