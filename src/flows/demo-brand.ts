/** How the demo shop looks: an acorn and an alder leaf, drawn for it, and the brown of oak. */
import type { BrandDraft } from '../domain/clients/index.js';

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96">
<title>Alder &amp; Oak</title>
<rect width="96" height="96" rx="22" fill="#6f3f17"/>
<path d="M49 42C46 25 58 13 79 14c3 19-8 32-26 32" fill="#a9c184"/>
<path d="M50 43 69 24M57 36l1-10M61 33l10-1" fill="none" stroke="#6f3f17" stroke-width="2.5" stroke-linecap="round"/>
<path d="M23 53h37c0 15-7 25-18.5 31C30 78 23 68 23 53Z" fill="#f6e6cb"/>
<path d="M31 59c1 7 4 12 8 16" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/>
<path d="M18 50c0-9 10-15 23.5-15S65 41 65 50c0 3-2 5-5 5H23c-3 0-5-2-5-5Z" fill="#dba868"/>
<path d="M27 46h.1M36 42h.1M46 42h.1M55 46h.1M32 50h.1M41.5 48h.1M51 50h.1" stroke="#6f3f17" stroke-opacity=".55" stroke-width="3" stroke-linecap="round"/>
<path d="M41.5 35c0-5 1-8 4-11" fill="none" stroke="#dba868" stroke-width="4" stroke-linecap="round"/>
</svg>
`;

export const demoBrand: BrandDraft = {
  accent: '#8a4f1d',
  logo: { bytes: new TextEncoder().encode(logo), type: 'image/svg+xml' },
};
