/**
 * What a letter is written on: the language of its reader, and the name, colours and logo of the
 * shop it is about. Looked up when it leaves, so that all three are what they are now.
 */
import type { Palette } from '../domain/clients/index.js';
import type { Letter } from '../domain/mail/index.js';
import type { Language } from '../kernel/language.js';
import type { Domain } from './domain.js';
import { ACCOUNT_CLIENT } from './ensure-account-client.js';

export type LetterBrand = {
  readonly palette?: Palette | undefined;
  /** A PNG: mail programs do not show SVG, and then the name stands in its place. */
  readonly logo?:
    | { readonly bytes: Uint8Array; readonly width: number; readonly height: number }
    | undefined;
};

export type LetterSetting = {
  readonly language?: Language | undefined;
  readonly shop?: string | undefined;
  readonly brand?: LetterBrand | undefined;
};

type Clients = Pick<Domain['clients'], 'find' | 'listShops' | 'findBrand' | 'findLogo'>;

/**
 * @param locale the reader's own language, if they have chosen one; it wins over that of the page
 *   on which the letter was caused, which may have been somebody else's
 */
export async function settingOf(
  clients: Clients,
  letter: Letter,
  locale: Language | undefined,
): Promise<LetterSetting> {
  const language = locale ?? letter.language;
  const shop = await shopOf(clients, letter);
  return shop
    ? { language, shop: shop.name, brand: await brandOf(clients, shop.id) }
    : { language };
}

/**
 * The shop in which it happened. What happened in the account pages happened in no shop: there
 * the only one speaks, if there is only one, and else the server itself.
 */
async function shopOf(
  clients: Clients,
  { clientId, shop }: Letter,
): Promise<{ readonly id: string; readonly name: string } | undefined> {
  if (clientId !== undefined && clientId !== ACCOUNT_CLIENT) {
    const client = await clients.find(clientId);
    return client && { id: client.id, name: shop ?? client.name };
  }
  if (clientId === undefined && shop !== undefined) return undefined;
  const shops = await clients.listShops({ except: ACCOUNT_CLIENT });
  return new Set(shops.map(({ name }) => name)).size === 1 ? shops[0] : undefined;
}

async function brandOf(clients: Clients, clientId: string): Promise<LetterBrand | undefined> {
  const brand = await clients.findBrand(clientId);
  if (!brand) return undefined;
  const { palette, logo } = brand;
  const picture = logo?.type === 'image/png' ? await clients.findLogo(logo.sha256) : undefined;
  return {
    palette,
    logo: logo && picture && { bytes: picture.bytes, width: logo.width, height: logo.height },
  };
}
