import { expect, test } from 'vitest';
import { isLegible } from './support/leaks.js';

test.each([
  ['as a value', '{"code":"550961"}'],
  ['as a number', '{"code":550961}'],
  ['in a sentence', 'Your code is 550961.'],
  ['in groups', 'Your code is 550 961'],
  ['in a row', '(7,550961,"2026-11-22 20:28:03.123456+00")'],
])('a code is legible %s', (_how, text) => expect(isLegible(text, '550961')).toBe(true));

test.each([
  ['an identifier', '5ca55096-1de9-4aaf-9008-550961559de9'],
  ['the end of an identifier', '4aaf-9008-aa5509550961'],
  ['a digest', '\\x9f550961aa'],
  ['base64', '"BHR+550961/c=="'],
  ['microseconds', '2026-11-22 20:28:03.550961+00'],
  ['a longer number', '"time":1795550961000'],
])('digits that happen to stand in %s are not', (_where, text) =>
  expect(isLegible(text, '550961')).toBe(false),
);
