/** Which addresses a server may call because somebody else said so. */
import { describe, expect, test } from 'vitest';
import { inNetworks, isPublicAddress } from '../../src/kernel/public-address.js';

describe('not public', () => {
  test.each([
    ['this machine', '127.0.0.1'],
    ['this machine, further on', '127.255.255.254'],
    ['no address yet', '0.0.0.0'],
    ['a private network', '10.0.0.1'],
    ['its end', '10.255.255.255'],
    ['a private network', '172.16.0.1'],
    ['its end', '172.31.255.255'],
    ['a private network', '192.168.1.1'],
    ['cloud metadata', '169.254.169.254'],
    ['another cloud’s metadata', '100.100.100.200'],
    ['a carrier’s network', '100.64.0.1'],
    ['a machine’s host in Azure', '168.63.129.16'],
    ['protocol assignments', '192.0.0.192'],
    ['benchmarks', '198.19.0.1'],
    ['documentation', '203.0.113.5'],
    ['multicast', '224.0.0.1'],
    ['the future', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['this machine', '::1'],
    ['no address yet', '::'],
    ['unique local', 'fc00::1'],
    ['unique local', 'fdff:ffff::1'],
    ['metadata over v6', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['link-local with its zone', 'fe80::1%eth0'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['mapped', '::ffff:10.0.0.1'],
    ['mapped, in hex', '::ffff:a00:1'],
    ['mapped, spelt out', '0:0:0:0:0:ffff:7f00:1'],
    ['IPv4-compatible', '::10.0.0.1'],
    ['translated', '64:ff9b::a00:1'],
    ['translated, with dots', '64:ff9b::169.254.169.254'],
    ['translated in a local way', '64:ff9b:1::808:808'],
    ['6to4', '2002:a00:1::1'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    ['documentation', '2001:db8::1'],
    ['documentation', '3fff::1'],
    ['discard', '100::1'],
    ['no address', 'localhost'],
    ['nothing', ''],
  ])('%s: %s', (_what, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('public', () => {
  test.each([
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:82a::200e',
    '2001:200::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ])('%s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

test('a list of networks holds what lies in them, to the bit', () => {
  const inside = inNetworks(['10.1.0.0/16', '192.0.2.7', 'fd00:1::/33', '0.0.0.0/32']);
  expect(['10.1.255.255', '192.0.2.7', '::ffff:10.1.0.1', 'fd00:1:7fff::'].map(inside)).toEqual(
    new Array(4).fill(true),
  );
  expect(['10.2.0.0', '192.0.2.8', 'fd00:1:8000::', '::', 'a'].map(inside)).toEqual(
    new Array(5).fill(false),
  );
});
