/** What the server may call besides public https. */
import { isIP } from 'node:net';

const HOST = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*\.?$/i;

/** A comma list of host names, addresses and CIDRs; no ports, no wildcards. */
export function parseOutboundAllow(value: string): readonly string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
    .map((entry) => {
      const [address = '', bits, ...rest] = entry.split('/');
      const family = isIP(address);
      const isNetwork =
        family !== 0 &&
        rest.length === 0 &&
        (bits === undefined ||
          (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)));
      // `10.0.0.256` is a misspelt address rather than a name (RFC 1123 section 2.1).
      const isName = family === 0 && HOST.test(entry) && !/(^|\.)\d+\.?$/.test(entry);
      if (!isNetwork && !isName) {
        throw new Error(`must be a list of hosts, addresses or CIDRs, not "${entry}"`);
      }
      return entry;
    });
}
