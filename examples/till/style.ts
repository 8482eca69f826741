/** How the till looks: large, because people stand in front of it; light and dark. */
export const style = `
:root { color-scheme: light dark; --back: #f4efe6; --card: #fffdf9; --ink: #241f19; --soft: #5f574c; --line: #d9cfbf; --wood: #84461c; --on-wood: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15110d; --card: #201b16; --ink: #f4ede3; --soft: #bcb09f; --line: #3d352c; --wood: #e6a873; --on-wood: #2a1606; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: clamp(1rem, 4vw, 3rem); min-height: 100vh; background: var(--back); color: var(--ink); font: 1.25rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
header, main { max-width: 56rem; margin-inline: auto; }
p, h1, h2 { margin: 0; }
main { display: grid; gap: 1.5rem; justify-items: start; padding-block-start: clamp(1rem, 6vh, 4rem); }
.brand, h1 { font-family: Georgia, "Times New Roman", serif; font-weight: 600; }
.brand { font-size: 1.5rem; }
.brand span { color: var(--wood); }
h1 { font-size: clamp(2.25rem, 7vw, 4rem); line-height: 1.1; }
h2 { font-size: 1.25rem; }
.lead, .small, small { color: var(--soft); }
.small { font-size: 1rem; }
.invitation { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap: 2rem; align-items: center; inline-size: 100%; padding: clamp(1rem, 3vw, 2rem); border: 1px solid var(--line); border-radius: 1rem; background: var(--card); }
.picture { padding: 0.75rem; border-radius: 0.5rem; background: #fff; }
.picture svg { display: block; inline-size: 100%; block-size: auto; }
.address { margin-block: 0.25rem 1rem; font-weight: 600; }
.address a { color: inherit; }
.code { font: 700 clamp(2rem, 9vw, 3.25rem)/1.3 ui-monospace, "SFMono-Regular", Consolas, monospace; letter-spacing: 0.06em; white-space: nowrap; }
button { min-height: 3.25rem; padding: 0.5rem 1.75rem; border: 1px solid var(--wood); border-radius: 0.5rem; background: var(--wood); color: var(--on-wood); font: inherit; font-weight: 600; cursor: pointer; }
.quiet { border-color: var(--line); background: var(--card); color: var(--ink); font-weight: 500; }
:focus-visible { outline: 3px solid var(--wood); outline-offset: 3px; }
.notice { padding: 0.75rem 1.25rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--card); }
.orders { inline-size: 100%; margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); }
.orders li { padding: 0.875rem 1.25rem; }
.orders li + li { border-top: 1px solid var(--line); }
`;
