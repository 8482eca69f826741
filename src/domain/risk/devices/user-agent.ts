/**
 * What a person needs to tell one device from another: “Firefox on Windows”. Only words from the
 * lists below come out, so nothing that a visitor sends is stored or shown, and the header, which
 * is fine enough to follow somebody around the web, is not kept.
 */

// The first match counts: browsers carry the names of those they want to be taken for.
const browsers: readonly (readonly [mark: string, name: string])[] = [
  ['Edg', 'Edge'],
  ['OPR/', 'Opera'],
  ['Vivaldi/', 'Vivaldi'],
  ['SamsungBrowser/', 'Samsung Internet'],
  ['DuckDuckGo/', 'DuckDuckGo'],
  ['Firefox/', 'Firefox'],
  ['FxiOS/', 'Firefox'],
  ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'],
  ['Chromium/', 'Chromium'],
  ['Safari/', 'Safari'],
];

const systems: readonly (readonly [mark: string, name: string])[] = [
  ['Windows', 'Windows'],
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['CrOS', 'ChromeOS'],
  ['Mac OS X', 'macOS'],
  ['Macintosh', 'macOS'],
  ['Linux', 'Linux'],
];

// The marks stand well within this; a header of many kilobytes is not worth reading to its end.
const READ = 512;

/**
 * Browser and system in a few words of English, for the list of devices and for mails about new
 * ones. `readDeviceLabel` takes them apart again for readers of other languages.
 */
export function describeUserAgent(userAgent: string | undefined): string {
  const text = (userAgent ?? '').slice(0, READ);
  const find = (list: typeof browsers) => list.find(([mark]) => text.includes(mark))?.[1];
  const browser = find(browsers);
  const system = find(systems);
  if (browser && system) return `${browser} on ${system}`;
  if (system) return `A browser on ${system}`;
  return browser ?? 'An unknown browser';
}

/**
 * The names in a description that `describeUserAgent` gave, whenever that was. Names alone come
 * out, as they stand in the lists above: words around them belong to the reader's language.
 */
export function readDeviceLabel(label: string): {
  readonly browser: string | undefined;
  readonly system: string | undefined;
} {
  const named = (list: typeof browsers, fits: (name: string) => boolean) =>
    list.find(([, name]) => fits(name))?.[1];
  return {
    browser: named(browsers, (name) => label === name || label.startsWith(`${name} on `)),
    system: named(systems, (name) => label.endsWith(` on ${name}`)),
  };
}
