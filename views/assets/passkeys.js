/**
 * Passkeys: asks the server what to sign, the device to sign it, and sends the answer with the
 * form that is on the page anyway. Where a browser offers passkeys in the field for the name, it
 * waits there while people type.
 */
(() => {
  const { WebAuthnAbortService, ...webauthn } = globalThis.SimpleWebAuthnBrowser;
  const form = document.querySelector('form[data-passkey]');
  const answer = form?.elements.namedItem('passkey');
  const button = form?.querySelector('[type="submit"]');
  const problem = form?.querySelector('[data-passkey-problem]');
  const unable = document.querySelector('[data-passkey-unable]');
  if (!form || !webauthn.browserSupportsWebAuthn()) {
    if (unable) unable.hidden = false;
    return;
  }
  const creates = form.dataset.passkey === 'create';
  // The server forgets what it asked after five minutes.
  const RENEW_MS = 240_000;

  const tell = (words) => {
    problem.hidden = !words;
    problem.lastElementChild.textContent = words ?? '';
  };

  // One question after the other: the server knows the newest only, and it must be ours.
  let asked = Promise.resolve();
  function options() {
    asked = asked.catch(() => undefined).then(request);
    return asked;
  }
  async function request() {
    const body = new URLSearchParams({ csrf: form.elements.namedItem('csrf').value });
    const reply = await fetch(form.dataset.options, { method: 'POST', body });
    const json = reply.headers.get('content-type')?.startsWith('application/json');
    return reply.ok && json ? reply.json() : undefined;
  }

  function send(credential) {
    answer.value = JSON.stringify(credential);
    form.requestSubmit(button);
  }

  let renewal;
  // An offer that was overtaken by the button, or by a newer one, must not call that off.
  let turn = 0;
  async function offer() {
    clearTimeout(renewal);
    turn += 1;
    const mine = turn;
    if (form.dataset.conditional === undefined) return;
    if (!(await webauthn.browserSupportsWebAuthnAutofill())) return;
    try {
      const optionsJSON = await options();
      if (!optionsJSON || mine !== turn) return;
      renewal = setTimeout(offer, RENEW_MS);
      send(await webauthn.startAuthentication({ optionsJSON, useBrowserAutofill: true }));
    } catch {
      // Called off by the button or by a newer offer; the form is there without it.
    }
  }

  async function ask() {
    const optionsJSON = await options();
    if (!optionsJSON) {
      // The sign-in is over, or has to be proven again: the page knows what comes next.
      location.assign(form.dataset.page);
      return new Promise(() => {});
    }
    return creates
      ? webauthn.startRegistration({ optionsJSON })
      : webauthn.startAuthentication({ optionsJSON });
  }

  let busy = false;
  form.addEventListener('submit', async (event) => {
    if (answer.value) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    clearTimeout(renewal);
    turn += 1;
    WebAuthnAbortService.cancelCeremony();
    button.setAttribute('aria-busy', 'true');
    tell();
    try {
      send(await ask());
    } catch (error) {
      const known = error.name === 'InvalidStateError' && creates;
      tell(known ? problem.dataset.known : problem.dataset.failed);
      button.removeAttribute('aria-busy');
      offer();
    }
    busy = false;
  });
  // Back on this page, an answer that was sent is of no more use.
  addEventListener('pageshow', () => {
    answer.value = '';
    button.removeAttribute('aria-busy');
  });

  form.hidden = false;
  offer();
})();
