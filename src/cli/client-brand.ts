/** `latchkey clients brand`: the logo and colours of a client's pages. */
import { closeSync, openSync, readSync } from 'node:fs';
import { type BrandDraft, MAX_LOGO_BYTES } from '../domain/clients/index.js';
import { type Command, done, failed, readArguments, UsageError } from './command.js';

export const brandCommand: Command = {
  name: 'clients brand',
  usage: '<id> [options]',
  summary: 'Give a client’s pages a logo and colours; what is not named stays',
  options: [
    { flag: '--logo <file>', meaning: 'SVG or PNG, at most 64 KiB' },
    { flag: '--accent <#rrggbb>', meaning: 'Buttons and links' },
    { flag: '--surface <#rrggbb>', meaning: 'The ground they stand on' },
    { flag: '--clear', meaning: 'Take logo and colours away' },
    { flag: '--json', meaning: 'Machine-readable output' },
  ],
  prepare(args) {
    const { values, positionals } = readArguments(
      args,
      {
        logo: { type: 'string' },
        accent: { type: 'string' },
        surface: { type: 'string' },
        clear: { type: 'boolean' },
      },
      { min: 1, max: 1, what: 'one client id' },
    );
    const { logo, accent, surface, clear } = values;
    const named = [logo, accent, surface].some((value) => value !== undefined);
    if (clear && named) throw new UsageError('--clear takes everything away; name nothing else');
    if (!clear && !named) throw new UsageError('Name --logo, --accent, --surface or --clear');
    const draft: BrandDraft = clear
      ? { logo: null, accent: null, surface: null }
      : { accent, surface, ...(logo === undefined ? {} : { logo: { bytes: readLogo(logo) } }) };
    const clientId = positionals[0] ?? '';
    return async ({ flows }) => {
      const result = await flows.brandClient({
        administrator: { kind: 'operator' },
        clientId,
        draft,
        origin: {},
      });
      switch (result.kind) {
        case 'not-found':
          return failed(`There is no client "${clientId}"`);
        case 'forbidden':
          return failed('You may not do that');
        case 'invalid':
          return failed(result.faults.map(({ message }) => message).join('; '));
        case 'changed': {
          const { brand, notes } = result;
          const shown = {
            accent: brand?.accent ?? null,
            surface: brand?.surface ?? null,
            logo: brand?.logo ? `/brand/${brand.logo.sha256}` : null,
          };
          const parts = Object.entries(shown).filter(([, value]) => value !== null);
          return done(
            { client_id: clientId, ...shown, notes },
            brand ? `Branded ${clientId}` : `${clientId} has no brand`,
            ...parts.map(([name, value]) => `${name.padEnd(8)} ${value}`),
            ...notes.map((note) => `Note: ${note}`),
          );
        }
      }
    };
  },
};

/** At most one byte more than is allowed: enough to know that it is too much. */
function readLogo(file: string): Uint8Array<ArrayBuffer> {
  try {
    const handle = openSync(file, 'r');
    try {
      const bytes = new Uint8Array(MAX_LOGO_BYTES + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(handle, bytes, length, bytes.length - length, null);
      }
      return bytes.slice(0, length);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw new UsageError(`--logo: ${error instanceof Error ? error.message : String(error)}`);
  }
}
