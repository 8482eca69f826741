/**
 * Addresses as networks. People and attackers change the last part of an address at will: an
 * IPv6 customer owns at least a /64 (RFC 6177), so limits that count single addresses there
 * count nothing.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** How many leading bits tell networks apart, for each family. */
export type Granularity = { readonly v4: 24 | 32; readonly v6: 48 | 64 };

/**
 * The network of an address as text, the same for every spelling of the address. What is no
 * address falls into one network of its own, so that it is counted rather than let through.
 */
export function networkOf(address: string, granularity: Granularity): string {
  const bytes = bytesOf(address);
  if (!bytes) return 'unknown';
  const bits = bytes.length === 4 ? granularity.v4 : granularity.v6;
  const head = Buffer.from(bytes.slice(0, bits / 8)).toString('hex');
  return `${bytes.length === 4 ? 'v4' : 'v6'}:${head}/${bits}`;
}

/**
 * The neighbourhood of an address as people write it, for the eyes of its owner: `203.0.113.0/24`
 * or `2001:db8:7::/48`. Nothing for what is no address.
 */
export function nameNetwork(address: string): string | undefined {
  const bytes = bytesOf(address);
  if (!bytes) return undefined;
  if (bytes.length === 4) return `${bytes.slice(0, 3).join('.')}.0/24`;
  const groups = [0, 2, 4].map((at) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  while (groups.length > 0 && groups.at(-1) === 0) groups.pop();
  return `${groups.map((group) => group.toString(16)).join(':')}::/48`;
}

/** The bytes of an address, 4 or 16; an IPv4 address in IPv6 clothes has 4. */
export function bytesOf(address: string): number[] | undefined {
  if (isIPv4(address)) return address.split('.').map(Number);
  // A zone (`fe80::1%eth0`) names an interface of this machine, not a network.
  const plain = address.split('%', 1)[0] ?? '';
  if (!isIPv6(plain)) return undefined;
  const [head = '', tail] = withoutDots(plain).split('::');
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const gap = new Array<number>(8 - front.length - back.length).fill(0);
  const bytes = [...front, ...gap, ...back].flatMap((group) => [group >> 8, group & 0xff]);
  // ::ffff:192.0.2.1 is how a dual-stack socket spells 192.0.2.1 (RFC 4291 section 2.5.5.2).
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255;
  return mapped && bytes[11] === 255 ? bytes.slice(12) : bytes;
}

const groups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));

/** Writes a dotted end (`::ffff:192.0.2.1`) as two groups. */
function withoutDots(address: string): string {
  const at = address.lastIndexOf(':') + 1;
  const end = address.slice(at);
  if (!isIPv4(end)) return address;
  const [a = 0, b = 0, c = 0, d = 0] = end.split('.').map(Number);
  return `${address.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
