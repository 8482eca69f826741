/**
 * A client's brand: logo, accent and ground. Promises: what is stored has passed every rule of
 * `brand/logo.ts` and is a colour or nothing; what a page is given can be read by people (see
 * `brand/palette.ts`), whatever was chosen; a picture is found by the hash of its content.
 */
import type { Bytes } from '../../kernel/sealed-box.js';
import type { Db } from '../../platform/postgres.js';
import { type Logo, type LogoType, logoTypes, readLogo } from './brand/logo.js';
import {
  type ColourChange,
  type ColourScience,
  type Palette,
  paletteOf,
  readColour,
} from './brand/palette.js';
import { type BrandRow, brandStore } from './brand/store.js';
import type { ReadMarkup } from './brand/svg.js';

export type Brand = {
  /** As chosen, not as shown. */
  readonly accent: string | undefined;
  readonly surface: string | undefined;
  readonly logo: Logo | undefined;
  /** Undefined where no colour was chosen: the page keeps its own. */
  readonly palette: Palette | undefined;
  readonly changes: readonly ColourChange[];
};

/** Undefined stays as it is, null is taken away. */
export type BrandDraft = {
  readonly accent?: string | null | undefined;
  readonly surface?: string | null | undefined;
  readonly logo?: { readonly bytes: Bytes; readonly type?: string | undefined } | null | undefined;
};
export type BrandFault = { readonly field: keyof BrandDraft; readonly message: string };

/** A draft that may be saved. */
export type BrandChange = Partial<BrandRow> & { readonly logo?: Bytes | null };

export type Brands = ReturnType<typeof createBrands>;

export function createBrands(parts: { db: Db; colours: ColourScience; readMarkup: ReadMarkup }) {
  const { colours, readMarkup } = parts;
  const store = brandStore(parts.db);

  return {
    async findBrand(clientId: string): Promise<Brand | undefined> {
      const row = await store.find(clientId);
      return row && brandOf(colours, row);
    },

    /** Looks at a draft; needs no database, and takes a moment for a large picture. */
    readBrand(
      draft: BrandDraft,
    ):
      | { readonly kind: 'good'; readonly change: BrandChange }
      | { readonly kind: 'bad'; readonly faults: readonly BrandFault[] } {
      const faults: BrandFault[] = [];
      const colour = (field: 'accent' | 'surface') => {
        const given = draft[field];
        if (given === undefined || given === null) return { [field]: given };
        const read = readColour(given);
        if (!read) faults.push({ field, message: `The ${field} must be a colour as #rrggbb` });
        return { [field]: read };
      };
      const change = { ...colour('accent'), ...colour('surface') };
      if (draft.logo === undefined) return faults.length > 0 ? bad(faults) : good(change);
      if (draft.logo === null) return faults.length > 0 ? bad(faults) : good(change, NO_LOGO);
      const logo = readLogo(draft.logo.bytes, draft.logo.type, readMarkup);
      if ('fault' in logo) faults.push({ field: 'logo', message: logo.fault });
      if ('fault' in logo || faults.length > 0) return bad(faults);
      return good(change, {
        logo: draft.logo.bytes,
        logoType: logo.type,
        logoSha256: logo.sha256,
        logoWidth: logo.width,
        logoHeight: logo.height,
      });
    },

    /** False when there is no such client. Call it in a transaction. */
    async saveBrand(clientId: string, change: BrandChange): Promise<boolean> {
      if (!(await store.lock(clientId))) return false;
      await store.save(clientId, change);
      const left = await store.find(clientId);
      if (left && !left.accent && !left.surface && !left.logoSha256) await store.remove(clientId);
      return true;
    },

    /** The picture with this hash, whichever client shows it. */
    findLogo: (sha256: string) => store.findLogo(sha256),
  };
}

const NO_LOGO = {
  logo: null,
  logoType: null,
  logoSha256: null,
  logoWidth: null,
  logoHeight: null,
} as const;

function good(...parts: BrandChange[]) {
  return { kind: 'good' as const, change: Object.assign({}, ...parts) as BrandChange };
}

function bad(faults: readonly BrandFault[]) {
  return { kind: 'bad' as const, faults };
}

function brandOf(science: ColourScience, row: BrandRow): Brand {
  const accent = row.accent ?? undefined;
  const surface = row.surface ?? undefined;
  const coloured = accent || surface ? paletteOf(science, { accent, surface }) : undefined;
  return {
    accent,
    surface,
    logo: logoOf(row),
    palette: coloured?.palette,
    changes: coloured?.changes ?? [],
  };
}

function logoOf({ logoSha256, logoType, logoWidth, logoHeight }: BrandRow): Logo | undefined {
  const type: LogoType | undefined = logoTypes.find((known) => known === logoType);
  if (!logoSha256 || !type || !logoWidth || !logoHeight) return undefined;
  return { sha256: logoSha256, type, width: logoWidth, height: logoHeight };
}

/** What was done to a chosen colour, in a sentence for whoever chose it. */
export function describeChange({ colour, theme, given, shown }: ColourChange): string {
  const why =
    colour === 'accent'
      ? 'text in it, and on it, needs a contrast of 4.5:1'
      : 'the words on it need a contrast of 4.5:1';
  return `In the ${theme} theme the ${colour} ${given} is shown as ${shown}: ${why}`;
}
