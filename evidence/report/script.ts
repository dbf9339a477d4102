/**
 * The page's script: narrows lists down, opens and closes folds, and opens all of them for printing.
 *
 * The page is whole without it, but for the contents of folds in a large report (html.ts, `folded`). It makes markup of
 * nothing but those, which this program has written, and the page's policy allows no other script than this very text.
 */
export const pageScript = `'use strict';
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const policy = window.trustedTypes?.createPolicy('unfold', { createHTML: (text) => text });

  // Contents that wait in their fold.
  const unfold = (fold) => {
    const waiting = fold.querySelector(':scope > script[type="text/x-folded"]');
    if (waiting === null) return;
    const parsed = document.createElement('template');
    parsed.innerHTML = policy ? policy.createHTML(waiting.textContent) : waiting.textContent;
    waiting.replaceWith(parsed.content);
  };
  document.addEventListener('toggle', ({ target }) => target.open && unfold(target), true);

  const show = (target) => {
    for (let at = target; at !== null; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  };
  const showAnchor = (hash) => {
    const target = document.getElementById(hash.slice(1));
    if (target === null) return;
    show(target.querySelector('details') ?? target);
    target.scrollIntoView();
  };
  addEventListener('hashchange', () => showAnchor(location.hash));
  // A link to where one is already changes nothing, but its section may have been closed since.
  document.addEventListener('click', ({ target }) => {
    if (target.tagName === 'A' && target.hash === location.hash) showAnchor(target.hash);
  });
  showAnchor(location.hash);

  // Lists that can be narrowed down.
  const narrow = (filter) => {
    const rows = all('[data-list="' + filter.dataset.filter + '"]');
    const fields = all('[data-by]', filter);
    const text = rows.map(() => undefined);
    const output = filter.querySelector('output');
    const run = () => {
      const wanted = fields.map((field) => [field.dataset.by, field.value.trim()]).filter(([, value]) => value !== '');
      let shown = 0;
      rows.forEach((row, i) => {
        const fits = wanted.every(([by, value]) => {
          if (by !== 'text') return row.dataset[by] === value;
          text[i] ??= row.textContent.toLowerCase();
          return text[i].includes(value.toLowerCase());
        });
        row.classList.toggle('left-out', !fits);
        if (fits) shown++;
      });
      output.textContent = shown + ' of ' + rows.length + ' shown';
    };
    filter.addEventListener('input', run);
    filter.hidden = rows.length < 2;
    run();
  };
  all('[data-filter]').forEach(narrow);

  // All folds at once.
  const folds = () => all('main details');
  const buttons = document.getElementById('folds');
  buttons.hidden = false;
  buttons.addEventListener('click', ({ target }) => {
    const open = target.dataset.open;
    if (open !== undefined) for (const fold of folds()) fold.open = open === 'yes';
  });

  // Paper cannot be unfolded.
  let closed = [];
  addEventListener('beforeprint', () => {
    folds().forEach(unfold);
    closed = folds().filter((fold) => !fold.open);
    for (const fold of closed) fold.open = true;
  });
  addEventListener('afterprint', () => {
    for (const fold of closed) fold.open = false;
    closed = [];
  });
})();
`;
