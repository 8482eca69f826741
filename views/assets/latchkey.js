/**
 * Small comforts on top of pages that already work without any script: a button that shows
 * the password, one submission per press, buttons that copy and print, and the onward form sent
 * by itself.
 */
(() => {
  for (const button of document.querySelectorAll('[data-reveal]')) {
    const input = document.getElementById(button.getAttribute('aria-controls'));
    const status = button.parentElement.querySelector('[data-reveal-status]');
    const show = (visible) => {
      input.type = visible ? 'text' : 'password';
      button.textContent = visible ? button.dataset.hide : button.dataset.show;
      button.setAttribute(
        'aria-label',
        visible ? button.dataset.hideLabel : button.dataset.showLabel,
      );
    };
    button.addEventListener('click', () => {
      const visible = input.type === 'password';
      show(visible);
      status.textContent = visible ? button.dataset.shown : button.dataset.hidden;
    });
    // A password manager should see a password field when the form leaves.
    input.form.addEventListener('submit', () => show(false));
    button.hidden = false;
  }

  for (const form of document.querySelectorAll('form[data-once]')) {
    const release = () => {
      delete form.dataset.sent;
      for (const busy of form.querySelectorAll('[aria-busy]')) busy.removeAttribute('aria-busy');
    };
    form.addEventListener('submit', (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = 'yes';
      event.submitter?.setAttribute('aria-busy', 'true');
      setTimeout(release, 8000);
    });
    addEventListener('pageshow', release);
  }

  if (navigator.clipboard) {
    const status = document.querySelector('[data-copy-status]');
    for (const button of document.querySelectorAll('[data-copy]')) {
      const label = button.textContent;
      button.addEventListener('click', async () => {
        try {
          await navigator.clipboard.writeText(button.dataset.copy);
        } catch {
          return;
        }
        button.textContent = button.dataset.copied;
        status.textContent = button.dataset.copied;
        setTimeout(() => {
          button.textContent = label;
          status.textContent = '';
        }, 2000);
      });
      button.hidden = false;
    }
  }

  for (const button of document.querySelectorAll('[data-print]')) {
    button.addEventListener('click', () => print());
    button.hidden = false;
  }

  // A field may be called "submit", so the method is taken from the prototype.
  const onward = document.querySelector('form[data-autosubmit]');
  if (onward) HTMLFormElement.prototype.submit.call(onward);
})();
