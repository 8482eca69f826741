/**
 * Whether an address belongs to the public internet. A server that calls where its clients tell
 * it to is a way into the network it stands in: metadata services, databases, admin pages (server
 * side request forgery, CWE-918). What IANA's special-purpose registries list is not public.
 */
import { bytesOf } from './network.js';

type Prefix = { readonly bytes: readonly number[]; readonly bits: number };

function prefix(cidr: string): Prefix {
  const [address = '', bits = ''] = cidr.split('/');
  const bytes = bytesOf(address);
  if (!bytes) throw new Error(`"${cidr}" is no network`);
  return { bytes, bits: Number(bits) };
}

const SPECIAL_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10', // shared address space of carriers (RFC 6598), and a cloud's metadata
  '127.0.0.0/8',
  '168.63.129.16/32', // looks public; inside Azure it is the machine's own host
  '169.254.0.0/16', // link-local: 169.254.169.254 hands out the machine's credentials
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
].map(prefix);

// All of IPv6 that is handed out to the public: loopback, unique local (fc00::/7), link-local,
// site-local, multicast and the IPv4-compatible addresses lie outside of it.
const GLOBAL_UNICAST = prefix('2000::/3');
const SPECIAL_V6 = [
  '2001::/23', // Teredo, benchmarks, ORCHID
  '2001:db8::/32',
  '2002::/16', // 6to4 carries an IPv4 address, private ones too
  '2620:4f:8000::/48',
  '3fff::/20',
].map(prefix);
// NAT64 translates the last four bytes to IPv4 (RFC 6052 section 2.1); a DNS64 resolver answers
// so for every public host, hence they are judged by what they carry.
const NAT64 = prefix('64:ff9b::/96');

const within = (bytes: readonly number[], { bytes: head, bits }: Prefix): boolean =>
  bytes.length === head.length &&
  bytes.every((byte, at) => {
    const left = Math.min(8, Math.max(0, bits - at * 8));
    return byte >> (8 - left) === (head[at] ?? 0) >> (8 - left);
  });

/** Whether the address (v4, v6, IPv4-mapped, NAT64) is public; what is no address is not. */
export function isPublicAddress(address: string): boolean {
  const bytes = bytesOf(address);
  return bytes !== undefined && isPublic(bytes);
}

function isPublic(bytes: readonly number[]): boolean {
  if (bytes.length === 4) return !SPECIAL_V4.some((special) => within(bytes, special));
  if (within(bytes, NAT64)) return isPublic(bytes.slice(12));
  return within(bytes, GLOBAL_UNICAST) && !SPECIAL_V6.some((special) => within(bytes, special));
}

/** A test for membership in a list of addresses and CIDRs; a mapped address counts as IPv4. */
export function inNetworks(cidrs: readonly string[]): (address: string) => boolean {
  const networks = cidrs.map((cidr) => {
    const [address = '', bits] = cidr.split('/');
    const bytes = bytesOf(address);
    if (!bytes) throw new Error(`"${cidr}" is no network`);
    return { bytes, bits: bits === undefined ? bytes.length * 8 : Number(bits) };
  });
  return (address) => {
    const bytes = bytesOf(address);
    return bytes !== undefined && networks.some((network) => within(bytes, network));
  };
}
