/**
 * QR codes as SVG text, to be put into the page itself: a picture with an address of its own
 * would put the seed into a log or a cache.
 */
import { toString as toText } from 'qrcode';

/** The QR code of an `otpauth:` URI as one `<svg>` element, dark on white in every theme. */
export async function otpauthQr(uri: string): Promise<string> {
  const svg = await toText(uri, {
    type: 'svg',
    errorCorrectionLevel: 'M',
    // The quiet zone that ISO/IEC 18004 asks for.
    margin: 4,
    color: { dark: '#000000ff', light: '#ffffffff' },
  });
  return svg.trim();
}
