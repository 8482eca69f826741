/**
 * Says while somebody types how a new password does by length and variety alone. A helper and
 * no judge: the server looks at much more, and decides.
 */
(() => {
  /** Characters that add something: not one that repeats its neighbour or follows it in a row. */
  const worth = (text) => {
    const codes = [...text.toLowerCase()].map((character) => character.codePointAt(0));
    return codes.filter((code, at) => at === 0 || Math.abs(code - codes[at - 1]) > 1).length;
  };

  for (const meter of document.querySelectorAll('[data-strength-of]')) {
    const input = document.getElementById(meter.dataset.strengthOf);
    const words = meter.querySelector('[data-strength-words]');
    const least = Number(meter.dataset.least);
    const levelOf = (text) => {
      const length = [...text].length;
      if (length < least) return 'short';
      if (worth(text) < least * 0.75 || new Set(text.toLowerCase()).size < 6) return 'plain';
      if (length < least + 4) return 'fair';
      return length < least + 10 ? 'good' : 'great';
    };
    const show = () => {
      const level = input.value === '' ? '' : levelOf(input.value);
      meter.hidden = level === '';
      meter.dataset.level = level;
      words.textContent = level === '' ? '' : meter.dataset[level];
    };
    input.addEventListener('input', show);
    show();
  }
})();
