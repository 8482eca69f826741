/** The shop's page in all its states, and the question before a refund. */
import type { Order } from './orders.js';
import { style } from './style.js';

export type Shown = {
  /** Signed in as; nobody when missing. */
  readonly name?: string | undefined;
  readonly orders?: readonly Order[] | undefined;
  readonly tokenExpiresAt?: Date | undefined;
  readonly notice?: Notice | undefined;
  /** The order that is about to be refunded, instead of the list. */
  readonly refund?: Order | undefined;
};

export type Notice = {
  readonly tone: 'calm' | 'good' | 'outage';
  readonly text: string;
};

/** Finished HTML. Strings become part of it only through `html`, which escapes them. */
class Html {
  constructor(readonly text: string) {}
}

type Part = Html | string | undefined | readonly Html[];

function html(literals: TemplateStringsArray, ...parts: Part[]): Html {
  const values = parts.map((part) =>
    [part]
      .flat()
      .map((one) => (one instanceof Html ? one.text : escapeHtml(one ?? '')))
      .join(''),
  );
  return new Html(String.raw({ raw: literals }, ...values));
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

export function shopPage(shown: Shown): string {
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Alder &amp; Oak</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
<header>
<a class="brand" href="/">Alder <span>&amp;</span> Oak</a>
${shown.name === undefined ? '' : accountButtons()}
</header>
<main>
${shown.notice ? notice(shown.notice) : ''}
${content(shown)}
</main>
<footer><p>A demonstration shop. Nothing here is for sale.</p></footer>
</body>
</html>
`;
  return text;
}

function content(shown: Shown): Html {
  if (shown.name === undefined) return welcome();
  return shown.refund ? refundQuestion(shown.refund) : account(shown.name, shown);
}

function notice({ tone, text }: Notice): Html {
  return html`<p class="notice ${tone}" role="${tone === 'outage' ? 'alert' : 'status'}">${text}</p>`;
}

const desk = html`<svg viewBox="8 18 226 100" aria-hidden="true">
<path d="M10 62h220M24 62v54M216 62v54M140 62v30h76M178 74h0"/>
<path d="M52 62V46M36 46h32L60 22H44zM100 62V36M112 62V28M124 62V40M96 62h32"/>
</svg>`;

function welcome(): Html {
  return html`<section class="welcome">
${desk}
<h1>Furniture that outlives fashions</h1>
<p>Made to order in alder and oak. Sign in to see how your orders are coming along.</p>
<p><a class="button" href="/login">Sign in</a></p>
</section>`;
}

function accountButtons(): Html {
  return html`<form method="post" action="/logout"><button class="quiet">Sign out</button></form>`;
}

function account(name: string, { orders, tokenExpiresAt }: Shown): Html {
  return html`<h1>Hello, ${name}</h1>
${orders ? orderList(orders) : html`<p><a class="button" href="/">Try again</a></p>`}
<section class="behind">
<h2>Behind the counter</h2>
<p>The shop reads your orders with an access token${tokenExpiresAt ? html` that is good until ${clock(tokenExpiresAt)}` : ''}. Your browser never sees it.</p>
<form method="post" action="/refresh"><button class="quiet">Refresh my token</button></form>
</section>`;
}

function orderList(orders: readonly Order[]): Html {
  if (orders.length === 0) return html`<p>You have not ordered anything yet.</p>`;
  return html`<h2>Your orders</h2>
<ul class="orders">${orders.map(
    (order) => html`
<li>
<div><strong>${order.items.join(', ')}</strong><span>${money(order.total)}</span></div>
<div><span>${order.number}, ordered on ${day(order.placedOn)}</span><em>${order.status}</em></div>
${order.status === 'refunded' ? '' : refundButton(order)}
</li>`,
  )}
</ul>`;
}

function refundButton({ number }: Order): Html {
  return html`<form action="/refund"><input type="hidden" name="order" value="${number}"><button class="quiet" aria-label="Refund order ${number}">Refund</button></form>`;
}

function refundQuestion({ number, items, total }: Order): Html {
  return html`<section class="question">
<h1>Refund order ${number}?</h1>
<p>You get ${money(total)} back for ${items.join(', ')}. This cannot be undone.</p>
<p>Because money is involved, we may ask you to sign in again with a second step.</p>
<form method="post" action="/refund?order=${encodeURIComponent(number)}"><button>Refund ${money(total)}</button></form>
<p><a class="button quiet" href="/">Keep the order</a></p>
</section>`;
}

export function money({ amount, currency }: Order['total']): string {
  return new Intl.NumberFormat('en-IE', { style: 'currency', currency }).format(amount / 100);
}

function day(date: string): string {
  return new Intl.DateTimeFormat('en-IE', { dateStyle: 'medium', timeZone: 'UTC' }).format(
    new Date(date),
  );
}

function clock(time: Date): Html {
  return html`<time datetime="${time.toISOString()}">${time.toISOString().slice(11, 19)} UTC</time>`;
}
