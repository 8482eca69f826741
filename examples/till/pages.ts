/** What stands on the till's screen. */
import { style } from './style.js';

export type Order = {
  readonly number: string;
  readonly status: string;
  readonly items: readonly string[];
  readonly total: { readonly amount: number; readonly currency: string };
};

export type Screen =
  | { readonly kind: 'idle'; readonly news?: string | undefined }
  | {
      readonly kind: 'waiting';
      readonly userCode: string;
      readonly address: string;
      readonly completeAddress: string;
      /** The picture of that address, drawn by us. */
      readonly qrSvg: string;
    }
  | { readonly kind: 'signed-in'; readonly name: string; readonly orders: readonly Order[] };

/** Loads the page again when the till has something else to show. */
export const script = `new EventSource('/changes').onmessage = () => location.reload();`;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '');

export function tillPage(screen: Screen): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Till – Alder &amp; Oak</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<header><p class="brand">Alder <span>&amp;</span> Oak</p></header>
<main>${contentOf(screen)}</main>
<script>${script}</script>
</body>
</html>
`;
}

function contentOf(screen: Screen): string {
  switch (screen.kind) {
    case 'idle':
      return `${screen.news ? `<p class="notice" role="status">${escaped(screen.news)}</p>` : ''}
<h1>Welcome</h1>
<p class="lead">Sign in with your phone to see your orders at this till. You type nothing here.</p>
<form method="post" action="/start"><button>Sign in with my phone</button></form>`;
    case 'waiting':
      return `<h1>Take your phone</h1>
<div class="invitation">
<div class="picture" role="img" aria-label="QR code of the sign-in page">${screen.qrSvg}</div>
<div>
<p>Scan the picture, or open</p>
<p class="address"><a href="${escaped(screen.address)}" target="_blank" rel="noreferrer">${escaped(screen.address)}</a></p>
<p>and compare or type this code:</p>
<p class="code">${escaped(screen.userCode)}</p>
</div>
</div>
<p class="small">This page goes on by itself. Never type a code that somebody sends you.</p>
<form method="post" action="/cancel"><button class="quiet">Cancel</button></form>`;
    case 'signed-in':
      return `<h1>Hello, ${escaped(screen.name)}</h1>
${screen.orders.length === 0 ? '<p class="lead">You have not ordered anything yet.</p>' : orderList(screen.orders)}
<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>`;
  }
}

function orderList(orders: readonly Order[]): string {
  const items = orders.map(
    ({ number, status, items, total }) =>
      `<li><strong>${escaped(items.join(', '))}</strong> <span>${escaped(money(total))}</span><br>
<small>${escaped(number)}, ${escaped(status)}</small></li>`,
  );
  return `<h2>Your orders</h2>\n<ul class="orders">${items.join('\n')}</ul>`;
}

function money({ amount, currency }: Order['total']): string {
  return new Intl.NumberFormat('en-IE', { style: 'currency', currency }).format(amount / 100);
}
