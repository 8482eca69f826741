/**
 * The protocol host's page that sends a form on by itself: to the client where it asked for
 * `response_mode=form_post` (OAuth 2.0 Form Post Response Mode), and to the end of the old
 * session where another account has signed in. The host offers no way to draw it, so its form is
 * read from what it drew, exactly as it draws it; anything else is left alone.
 */
import type { AppContext } from './context.js';
import { hostPageOf } from './host-pages.js';
import { continuePage } from './views.js';

const PAGE =
  /<title>Submitting Callback<\/title>[\s\S]*<form method="post" action="([^"]*)">([\s\S]*?)<noscript>/;
const INPUT = /<input type="hidden" name="([^"]*)" value="([^"]*)"\/>/g;

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&amp;': '&',
};

const unescaped = (text: string) =>
  text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity);

/** Puts our page in the place of the host's, under the policy that stood before it. */
export function drawOnwardForm(ctx: AppContext, policy: string): void {
  const page = typeof ctx.body === 'string' ? PAGE.exec(ctx.body) : null;
  if (!page) return;
  const action = unescaped(page[1] ?? '');
  // An application's own scheme cannot take a form; the host has written what there is to say.
  if (!/^https?:/i.test(action)) return;
  const fields = Object.fromEntries(
    [...(page[2] ?? '').matchAll(INPUT)].map(([, name = '', value = '']) => [
      name,
      unescaped(value),
    ]),
  );
  ctx.body = continuePage({ action, fields, ...hostPageOf(ctx) });
  // The host has allowed its inline script, which is gone.
  ctx.set('Content-Security-Policy', policy);
}
