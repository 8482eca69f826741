/**
 * Which file may be a logo: a small SVG or PNG of sane proportions. What it is is read from the
 * file itself, never from its name or from what the sender calls it.
 */
import { createHash } from 'node:crypto';
import { type PictureSize, type ReadMarkup, readSvg } from './svg.js';

export const logoTypes = ['image/svg+xml', 'image/png'] as const;
export type LogoType = (typeof logoTypes)[number];

/** A picture that passed, by the hash of its content. */
export type Logo = PictureSize & { readonly sha256: string; readonly type: LogoType };

export const MAX_LOGO_BYTES = 64 * 1024;
// Three times the height it is shown at fits in, and so does the width of a whole card.
const MAX_PIXELS = 2048;
const MIN_PIXELS = 16;
/** Longer than that, and it is a line on a phone. */
const MAX_RATIO = 8;

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** What a file is by its first bytes: PNG has a signature, whatever else there is must be SVG. */
export function logoTypeOf(bytes: Uint8Array): LogoType {
  return PNG.every((byte, at) => bytes[at] === byte) ? 'image/png' : 'image/svg+xml';
}

/** The logo that these bytes are, or why they may not be one. */
export function readLogo(
  bytes: Uint8Array,
  claimed: string | undefined,
  read: ReadMarkup,
): Logo | { readonly fault: string } {
  if (bytes.length === 0) return { fault: 'The logo is empty' };
  if (bytes.length > MAX_LOGO_BYTES) {
    return { fault: `The logo has more than ${MAX_LOGO_BYTES / 1024} KiB` };
  }
  const type = logoTypeOf(bytes);
  if (claimed !== undefined && claimed !== type) {
    return { fault: `The logo is called ${claimed}, but that is not what it is` };
  }
  const size = type === 'image/png' ? readPng(bytes) : readSvg(bytes, read);
  if ('fault' in size) return size;
  const { width, height } = size;
  if (Math.max(width, height) > MAX_RATIO * Math.min(width, height)) {
    return { fault: `The logo is more than ${MAX_RATIO} times as long as it is wide or high` };
  }
  return { sha256: createHash('sha256').update(bytes).digest('hex'), type, width, height };
}

/** Size from the header; the chunks are followed to the end (PNG, third edition, section 5). */
function readPng(bytes: Uint8Array): PictureSize | { fault: string } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: PictureSize | undefined;
  for (let at = PNG.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === 'acTL') return { fault: 'The PNG moves: a logo keeps still' };
    if (name === 'IHDR' && length === 13) {
      size ??= { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    }
    at += length + 12;
    if (name !== 'IEND') continue;
    // Behind the end there is room for another file, which somebody else might open as such.
    if (at !== bytes.length) return { fault: 'The PNG goes on behind its end' };
    return sized(size);
  }
  return { fault: 'The PNG is cut off' };
}

function sized(size: PictureSize | undefined) {
  if (!size) return { fault: 'The PNG does not say how large it is' };
  const { width, height } = size;
  if (Math.min(width, height) < MIN_PIXELS || Math.max(width, height) > MAX_PIXELS) {
    return {
      fault: `The PNG is ${width} × ${height} pixels: each side must have ${MIN_PIXELS} to ${MAX_PIXELS}`,
    };
  }
  return { width, height };
}
