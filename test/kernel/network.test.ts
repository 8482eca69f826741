/** Networks as people write them. */
import { expect, test } from 'vitest';
import { nameNetwork } from '../../src/kernel/network.js';

test.each([
  ['203.0.113.77', '203.0.113.0/24'],
  ['::ffff:203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:7:1::9', '2001:db8:7::/48'],
  ['2001:db8::9', '2001:db8::/48'],
  ['::1', '::/48'],
  ['fe80::1%eth0', 'fe80::/48'],
  ['unknown', undefined],
])('%s is in %s', (address, network) => {
  expect(nameNetwork(address)).toBe(network);
});
