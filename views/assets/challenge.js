/**
 * The check against robots on the log-in page. The puzzle solves itself while people type; where
 * it cannot, waiting takes its place. Continue is never lost: pressed too early, the form goes by
 * itself as soon as it may.
 */
(() => {
  const box = document.querySelector('[data-challenge]');
  const { form } = box.querySelector('[name="wait_token"]');
  const note = box.querySelector('[data-wait]');
  const status = box.querySelector('[data-challenge-status]');
  // Half a second more than the server counts from an earlier moment.
  const opens = performance.now() + Number(note.dataset.wait) * 1000 + 500;
  const submitButton = form.querySelector('[type="submit"]');

  const hold = () => {
    submitButton.setAttribute('aria-busy', 'true');
    status.textContent = status.dataset.held;
  };

  const send = () => {
    submitButton.removeAttribute('aria-busy');
    form.requestSubmit(submitButton);
  };

  function wait() {
    note.hidden = performance.now() >= opens;
    let held = false;
    const early = (event) => {
      const rest = opens - performance.now();
      if (rest <= 0) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (held) return;
      held = true;
      hold();
      setTimeout(() => {
        // A timer may ring a little early; the half second above makes up for it.
        form.removeEventListener('submit', early, { capture: true });
        send();
      }, rest);
    };
    form.addEventListener('submit', early, { capture: true });
  }

  function solve(puzzle) {
    const { label, required, verifying, verified, worker } = puzzle.dataset;
    const { algorithms, i18n } = globalThis.$altcha;
    for (const digest of ['256', '384', '512']) {
      algorithms.set(`PBKDF2/SHA-${digest}`, () => new Worker(worker));
    }
    i18n.set('en', { ...i18n.get('en'), label, verifying, verified, waitAlert: verifying });

    const widget = document.createElement('altcha-widget');
    widget.setAttribute('language', 'en');
    widget.setAttribute('challenge', puzzle.dataset.puzzle);
    widget.setAttribute(
      'configuration',
      JSON.stringify({
        auto: 'onload',
        hideFooter: true,
        hideLogo: true,
        humanInteractionSignature: false,
        minDuration: 0,
        // When waiting would have been as quick, waiting it is.
        timeout: opens - performance.now(),
        validationMessage: required,
      }),
    );

    let held = false;
    const giveUp = () => {
      if (!widget.isConnected) return;
      widget.remove();
      puzzle.hidden = true;
      wait();
      if (held) send();
    };
    widget.addEventListener('statechange', ({ detail }) => {
      if (detail.state === 'error' || detail.state === 'expired') giveUp();
      if (detail.state !== 'verified') return;
      status.textContent = verified;
      if (held) send();
      held = false;
    });
    // The widget makes its box required. While it works, that is no mistake of anybody's.
    form.addEventListener(
      'invalid',
      (event) => {
        if (!widget.contains(event.target) || widget.getState() !== 'verifying') return;
        event.preventDefault();
        held = [...form.elements].every((field) => widget.contains(field) || field.validity.valid);
        if (held) hold();
      },
      { capture: true },
    );
    puzzle.append(widget);
    puzzle.hidden = false;
  }

  const puzzle = box.querySelector('[data-puzzle]');
  if (puzzle && isSecureContext && customElements.get('altcha-widget')) solve(puzzle);
  else wait();
})();
