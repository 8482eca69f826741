/** How the shop looks: one sheet, light and dark, from a small phone to a desktop. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #f7f3ec; --card: #fffdf9; --ink: #26211b; --soft: #655c50; --line: #e2d9ca;
  --wood: #8a4b1f; --on-wood: #ffffff;
  --good: #1f5c3a; --good-back: #e6f2ea; --alarm: #8f2a1c; --alarm-back: #fbeae6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17130f; --card: #211c17; --ink: #f3ece2; --soft: #b8ac9b; --line: #3a322a;
    --wood: #e3a26c; --on-wood: #2a1606;
    --good: #8fd6ac; --good-back: #16281e; --alarm: #ffab9c; --alarm-back: #331a15;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;
}
header, main, footer { width: 100%; max-width: 46rem; margin-inline: auto; padding-inline: 1.25rem; }
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 5rem; }
main { flex: 1; padding-block: 1rem 4rem; }
footer { padding-block: 1.5rem; color: var(--soft); font-size: 0.875rem; border-top: 1px solid var(--line); }
p, h1, h2 { margin: 0; }
h1, .brand { font-family: Georgia, "Times New Roman", serif; font-weight: 600; letter-spacing: -0.01em; }
h1 { font-size: clamp(1.85rem, 6vw, 2.75rem); line-height: 1.15; text-wrap: balance; }
h2 { margin-block: 2rem 0.75rem; font-size: 1rem; font-weight: 650; }
.brand { display: inline-flex; align-items: center; gap: 0.3em; min-height: 2.75rem; font-size: 1.35rem; color: inherit; text-decoration: none; }
.brand span { color: var(--wood); }
.welcome { display: grid; gap: 1.25rem; padding-block: clamp(1rem, 5vh, 4rem); }
.welcome svg { width: min(16rem, 70%); height: auto; fill: none; stroke: var(--wood); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; }
.welcome p { max-width: 32rem; font-size: 1.125rem; color: var(--soft); }
.button, button {
  display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: 0.5rem 1.5rem;
  border: 1px solid var(--wood); border-radius: 0.5rem; background: var(--wood); color: var(--on-wood);
  font: inherit; font-weight: 600; text-decoration: none; cursor: pointer;
}
.button:hover, button:hover { filter: brightness(1.08); }
.quiet.quiet { padding-inline: 1rem; border-color: var(--line); background: var(--card); color: var(--ink); font-weight: 500; }
:focus-visible { outline: 3px solid var(--wood); outline-offset: 3px; }
.notice { margin-block-end: 2rem; padding: 0.875rem 1.125rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.notice.good { border-color: currentColor; background: var(--good-back); color: var(--good); }
.notice.outage { border-color: currentColor; background: var(--alarm-back); color: var(--alarm); }
main > h1 + p { margin-block-start: 1.5rem; }
.orders { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); }
.orders li { padding: 1rem 1.25rem; }
.orders li + li { border-top: 1px solid var(--line); }
.orders div { display: flex; justify-content: space-between; gap: 1.5rem; }
.orders div :last-child { flex: none; }
.orders div + div { color: var(--soft); font-size: 0.9375rem; }
.orders em { font-style: normal; color: var(--wood); }
.orders form { margin-block-start: 0.75rem; }
.question { display: grid; justify-items: start; gap: 1.25rem; }
.question p { max-width: 34rem; }
.behind { margin-block-start: 2.5rem; color: var(--soft); font-size: 0.9375rem; }
.behind h2 { color: var(--ink); }
.behind form { margin-block-start: 1rem; }
`;
