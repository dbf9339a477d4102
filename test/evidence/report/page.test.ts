/** The report in a real browser: what it shows, what it does, and what nobody can make it do. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Evidence } from '../../../evidence/evidence.ts';
import { gate } from '../../../evidence/gate.ts';
import type { ReportInput } from '../../../evidence/report/input.ts';
import { reportPage } from '../../../evidence/report/page.ts';
import { hash, someEvidence } from '../../support/evidence.ts';
import { isLong } from '../../support/long.ts';
import { temporaryFolder } from '../../support/paths.ts';
import {
  after,
  before,
  hostile,
  inputOf,
  largeEvidence,
  openBrowser,
  someSlides,
  withTexts,
} from '../../support/report.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** What a page did that it must not: asked for something, wrote to the console, or was stopped by its own policy. */
interface Opened {
  readonly page: Page;
  readonly misdeeds: string[];
}

const ADDRESS = 'http://report.example/';

async function open(input: ReportInput, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext(options);
  const misdeeds: string[] = [];
  const text = reportPage(input);
  await context.exposeBinding('tell', (_, what: string) => void misdeeds.push(what));
  await context.addInitScript(
    "addEventListener('securitypolicyviolation', (e) => tell('policy: ' + e.violatedDirective + ' ' + e.sourceFile))",
  );
  await context.route('**', (route) => {
    if (route.request().url() === ADDRESS)
      return route.fulfill({ contentType: 'text/html; charset=utf-8', body: text });
    misdeeds.push(`request: ${route.request().url()}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.on('console', (message) => void misdeeds.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => void misdeeds.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => void misdeeds.push(`dialog: ${dialog.message()}`));
  await page.goto(ADDRESS);
  return { page, misdeeds };
}

async function opened(
  input: ReportInput,
  look: (page: Page) => Promise<void>,
  options?: BrowserContextOptions,
): Promise<void> {
  const { page, misdeeds } = await open(input, options);
  try {
    await look(page);
    expect(misdeeds).toEqual([]);
  } finally {
    await page.context().close();
  }
}

const full = inputOf(after, {
  before,
  slides: someSlides,
  steps: [120],
  enforced: { regions: [{ start: 0x401000n, end: 0x402000n, kind: 'execute' }], stack: 65536 },
  measurements: { format: 'casemate-measurements', version: 1, phases: [{ phase: 'proving', milliseconds: 1234 }] },
});

describe('the page', () => {
  it('shows what there is, under headings in order, and asks for nothing', async () => {
    await opened(full, async (page) => {
      expect(await page.title()).toBe('app: 2 failures (casemate)');
      const levels = await page.locator('h1, h2, h3').evaluateAll((all) => all.map((one) => Number(one.tagName[1])));
      expect(levels[0]).toBe(1);
      for (let i = 1; i < levels.length; i++) expect(levels[i]).toBeLessThanOrEqual(levels[i - 1]! + 1);
      for (const name of [
        'Findings',
        'Memory',
        'Addresses',
        'Contracts',
        'Theorems of Coq',
        'Translation validation',
        'Secrets',
      ])
        await page.getByRole('heading', { level: 2, name }).waitFor();
      for (const name of ['Stack', 'Kernel', 'Assumptions', 'Trusted code', 'Inputs and tools'])
        await page.getByRole('heading', { level: 2, name, exact: true }).waitFor();
      const all = await page.locator('body').textContent();
      for (const text of [
        'execute-only:loads',
        '1 instruction reads text',
        'memory and the stack suffice',
        'X64_verified',
      ])
        expect(all).toContain(text);
      await page.locator('details.function > summary').click();
      expect(await page.locator('.source').textContent()).toContain('@requires x < 10');
      expect(await page.getByRole('row', { name: /result > 0.*proved.*z3 1.*120/ }).count()).toBe(1);
    });
  });

  it('is read as it is written: no browser has to mend it', async () => {
    const text = reportPage(full);
    const own = text.replace(/(<(script|style)>)[\s\S]*?<\/\2>/g, '$1');
    const written = [...own.matchAll(/<([a-zA-Z][a-zA-Z0-9]*)/g)].map(([, name]) => name!.toLowerCase());
    const page = await browser.newPage();
    const read = `[...new DOMParser().parseFromString(${JSON.stringify(text)}, 'text/html').querySelectorAll('*')]`;
    expect(await page.evaluate(`${read}.map((one) => one.localName.toLowerCase())`)).toEqual(written);
    await page.close();
  });

  it('puts on top what is worse than in the release before, a device that is new first', async () => {
    await opened(full, async (page) => {
      const changes = page.getByRole('region', { name: 'Changes' });
      expect(await changes.locator('.worse li').first().textContent()).toContain('NEW DEVICE: asks for "uplink"');
      await changes
        .getByRole('row', { name: 'execute-only:loads worse passed declared failed declared 1 instruction' })
        .waitFor();
      await changes.getByRole('row', { name: 'uplink new net' }).waitFor();
      await changes.getByRole('row', { name: 'gone proof nothing else' }).waitFor();
    });
    expect(reportPage(inputOf(someEvidence))).toContain('this page does not say what has changed');
    const same = { before: { ...before, evidence: someEvidence } };
    expect(reportPage(inputOf(someEvidence, same))).toContain('<span class="badge good">nothing is worse</span>');
  });

  it('never makes unknown, or what nobody has decided, look passed', () => {
    const only = (outcome: 'pass' | 'unknown'): Evidence => ({
      ...{ ...someEvidence, findings: [{ ...someEvidence.findings[0]!, outcome }] },
      ...{ proofs: undefined as never, erasure: [], validation: [] },
    });
    const topOf = (input: ReportInput): string =>
      /<div class="verdict (\w+)[^>]*>\s*<p class="word">([^<]*)<\/p>/.exec(reportPage(input))!.slice(1).join(': ');
    expect(topOf(inputOf(only('unknown')))).toBe('open: 1 unknown');
    expect(topOf(inputOf(only('pass')))).toBe('plain: No failure found');
    expect(topOf(inputOf({ ...only('pass'), findings: [] }))).toBe('open: Nothing was checked');
    expect(reportPage(inputOf(only('pass')))).toContain('nobody has decided');
    const policy = {
      version: 1 as const,
      name: 'mine',
      sha256: hash('policy'),
      unlisted: 'error' as const,
      rules: [],
      waivers: [],
    };
    const by = (evidence: Evidence, level: 'error' | 'warn' = 'error'): ReportInput => {
      const input = inputOf(evidence);
      return { ...input, verdict: gate({ ...input, policy: { ...policy, unlisted: level }, now: '2026-01-01' }) };
    };
    expect(topOf(by(only('unknown')))).toBe('open: Policy: undecided');
    expect(topOf(by(someEvidence))).toBe('bad: Policy: failed');
    expect(topOf(by(only('pass')))).toBe('good: Policy: passed');
  });

  it('narrows findings down by text, outcome, rule and ground, and tells how many are left', async () => {
    await opened(full, async (page) => {
      const filter = page.getByRole('search', { name: 'Filter findings' });
      const count = filter.getByRole('status');
      const rows = page.locator('.findings tbody tr:visible');
      const all = await rows.count();
      expect(await count.textContent()).toBe(`${all} of ${all} shown`);
      await filter.getByLabel('Outcome').selectOption('failed');
      expect(await count.textContent()).toBe(`2 of ${all} shown`);
      expect(await rows.count()).toBe(2);
      await filter.getByLabel('Rule').selectOption('execute-only');
      expect(await rows.count()).toBe(1);
      await filter.getByLabel('Outcome').selectOption('');
      await filter.getByLabel('Rule').selectOption('');
      await filter.getByLabel('Ground').selectOption('enforced');
      expect(await rows.textContent()).toContain('wx:page-tables');
      await filter.getByLabel('Ground').selectOption('');
      await filter.getByLabel('Text').fill('READS TEXT');
      expect(await rows.count()).toBe(1);
      await filter.getByLabel('Text').fill('.*');
      expect(await rows.count()).toBe(0);
      // Enter sends no form anywhere.
      await filter.getByLabel('Text').press('Enter');
      await filter.getByLabel('Text').fill('');
      expect(await rows.count()).toBe(all);
    });
  });

  it('folds, by keyboard too, and opens what an address names', async () => {
    await opened(full, async (page) => {
      const memory = page.locator('#memory > details');
      await memory.locator('> summary').focus();
      await page.keyboard.press('Enter');
      expect(await memory.evaluate((one) => (one as unknown as { open: boolean }).open)).toBe(false);
      await page.getByRole('button', { name: 'Close all' }).click();
      expect(await page.locator('main details[open]').count()).toBe(0);
      await page.getByRole('navigation').getByRole('link', { name: 'Memory' }).click();
      await page.locator('#memory > details[open]').waitFor();
      // The same link once more, though the address is that already.
      await memory.locator('> summary').click();
      await page.getByRole('navigation').getByRole('link', { name: 'Memory' }).click();
      await page.locator('#memory > details[open]').waitFor();
      await page.getByRole('button', { name: 'Open all' }).click();
      expect(await page.locator('main details:not([open])').count()).toBe(0);
    });
  });

  it('can be walked through by keyboard from a link that skips to the findings, and shows where one is', async () => {
    await opened(full, async (page) => {
      await page.keyboard.press('Tab');
      const skip = page.getByRole('link', { name: 'Skip to the findings' });
      expect(await skip.evaluate((one) => one.matches(':focus') && one.getBoundingClientRect().left >= 0)).toBe(true);
      await page.keyboard.press('Enter');
      expect(await page.evaluate('document.activeElement.id')).toBe('main');
      for (let i = 0; i < 6; i++) {
        await page.keyboard.press('Tab');
        const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
        expect(outline).toBe('solid');
      }
    });
  });

  it('has names and roles for who hears it', async () => {
    await opened(full, async (page) => {
      for (const role of ['banner', 'navigation', 'main', 'contentinfo'] as const)
        expect(await page.getByRole(role).count(), role).toBe(1);
      for (const name of ['Findings', 'Memory', 'Kernel'])
        expect(await page.getByRole('region', { name, exact: true }).count()).toBe(1);
      const unnamed = (await page.evaluate(`(() => {
        const named = (one) => one.getAttribute('aria-label') || one.querySelector(':scope > caption, :scope > title') ||
          document.getElementById(one.getAttribute('aria-labelledby'))?.textContent || one.labels?.length > 0;
        const wanted = 'table, [role=img], [role=search], [role=group], section, nav, input, select';
        const headless = [...document.querySelectorAll('th')].filter((one) => !['row', 'col'].includes(one.scope));
        const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
        return [
          ...[...document.querySelectorAll(wanted)].filter((one) => !named(one)),
          ...headless,
          ...[...document.querySelectorAll('summary')].filter((one) => one.textContent.trim() === ''),
        ].map((one) => one.outerHTML.slice(0, 100)).concat(ids.filter((id, i) => ids.indexOf(id) !== i));
      })()`)) as string[];
      expect(unnamed).toEqual([]);
      const heard = await page.locator('#findings').ariaSnapshot();
      expect(heard).toContain('heading "Findings" [level=2]');
      expect(heard).toMatch(/row "failed execute-only:loads declared 1 instruction reads text/);
      // The signs beside words are for who sees.
      expect(heard).not.toContain('✗');
    });
  });

  it('prints everything, folded or filtered away, and in a printed colour', async () => {
    await opened(
      full,
      async (page) => {
        await page.getByRole('button', { name: 'Close all' }).click();
        await page.emulateMedia({ media: 'print' });
        // Only what style does: the script's part comes with printing itself.
        expect(await page.locator('#assumptions').getByText('memory and the stack suffice').isVisible()).toBe(true);
        expect(await page.getByText('@requires x < 10').isVisible()).toBe(true);
        expect(await page.getByRole('navigation').isVisible()).toBe(false);
        expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
        await page.emulateMedia({ media: 'screen' });
        await page.locator('#findings > details > summary').click();
        await page.getByRole('search', { name: 'Filter findings' }).getByLabel('Text').fill('nothing has this');
        await page.emulateMedia({ media: 'print' });
        expect(await page.locator('.findings').getByText('1 instruction reads text').isVisible()).toBe(true);
        await page.emulateMedia({ media: null });
        const pdf = await page.pdf({ format: 'A4' });
        expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
        expect(pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)!.length).toBeGreaterThan(2);
        // As it was before.
        expect(await page.locator('main details[open]').count()).toBe(1);
      },
      { colorScheme: 'dark' },
    );
  });

  it('is whole where scripts do not run', async () => {
    await opened(
      full,
      async (page) => {
        await page.locator('summary', { hasText: 'app.ts:f proved' }).click();
        expect(await page.getByText('@requires x < 10').isVisible()).toBe(true);
        expect(await page.getByRole('search').count()).toBe(0);
        expect(await page.getByRole('button').count()).toBe(0);
      },
      { javaScriptEnabled: false },
    );
  });

  it.each(['light', 'dark'] as const)(
    'can be read in %s: every text has the contrast of WCAG AA',
    async (colorScheme) => {
      await opened(
        full,
        async (page) => {
          await page.getByRole('button', { name: 'Open all' }).click();
          const weak = await page.evaluate(contrast);
          expect(weak).toEqual([]);
        },
        { colorScheme },
      );
    },
  );

  it('fits a narrow window', async () => {
    await opened(
      full,
      async (page) => {
        await page.getByRole('button', { name: 'Open all' }).click();
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
      },
      { viewport: { width: 360, height: 800 } },
    );
  });
});

/** Texts that are paler against what is behind them than 4.5 to 1, or 3 to 1 where they are large. */
const contrast = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (one) => { for (let at = one; at; at = at.parentElement) { const c = rgba(getComputedStyle(at).backgroundColor); if (c[3] === 255) return c; } return rgba('Canvas'); };
  const weak = [];
  let seen = 0;
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');
    if (!own || ['SCRIPT', 'STYLE', 'TITLE', 'title'].includes(one.tagName) || one.getClientRects().length === 0) continue;
    seen++;
    const style = getComputedStyle(one);
    const [a, b] = [light(rgba(one.namespaceURI.endsWith('svg') ? style.fill : style.color)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) weak.push(ratio.toFixed(2) + ' ' + one.outerHTML.slice(0, 80));
  }
  return seen > 100 ? weak : ['only ' + seen + ' texts were seen'];
})()`;

/** Tags and names of attributes of a page, in order. */
const structure = `(text) => {
  const parsed = new DOMParser().parseFromString(text, 'text/html');
  return [...parsed.querySelectorAll('*')].map((one) => one.tagName + '(' + one.getAttributeNames().join() + ')').join(' ');
}`;

/** Evidence and a source whose every free text is another. */
function inputWith(change: (text: string) => string): ReportInput {
  const old = { ...before, evidence: withTexts(before.evidence, change) };
  return { ...inputOf(withTexts(after, change)), sources: new Map(), slides: someSlides, before: old };
}

describe('hostile names', () => {
  it('are inert: no script of theirs runs, nothing is asked for, nothing leads away', async () => {
    for (const name of [hostile.slice(0, 9).join(' '), hostile.slice(9).join(' ')]) {
      const input = {
        ...inputWith((text) => text + name),
        sources: new Map([[hash('source'), `${name}\nexport function f() {\n${name}\n}`]]),
      };
      await opened(input, async (page) => {
        await page.getByRole('button', { name: 'Open all' }).click();
        await page.getByRole('search', { name: 'Filter findings' }).getByLabel('Text').fill('<img');
        expect(await page.evaluate('typeof planted')).toBe('undefined');
        const made = await page.locator('img, iframe, object, embed, form, base, link, script:not([type])').count();
        expect(made).toBe(1);
        const addresses = await page
          .locator('[href]')
          .evaluateAll((all) => all.map((one) => one.getAttribute('href')!));
        expect(addresses.filter((one) => !/^#[a-z-]+$/.test(one))).toEqual([]);
      });
    }
  });

  it('cannot change what elements the page has, whatever the text', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const of = (input: ReportInput): Promise<string> =>
      page.evaluate(`(${structure})(${JSON.stringify(reportPage(input))})`);
    const usual = await of(inputWith((text) => text));
    expect(usual.length).toBeGreaterThan(1000);
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(...hostile),
      fc.string({ unit: 'grapheme' }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 5 }), async (names) => {
        expect(await of(inputWith((text) => text + names[text.length % names.length]))).toBe(usual);
      }),
      { seed: 1, numRuns: isLong ? 1000 : 40 },
    );
    await context.close();
  });

  it('do not break the layout, however long they are or high they climb', async () => {
    for (const name of [
      'A'.repeat(65536),
      `Z${'\u0301\u0489'.repeat(5000)}`,
      '\ufdfd'.repeat(400),
      '\u202e'.repeat(50),
    ]) {
      await opened(
        inputWith((text) => text + name),
        async (page) => {
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(1000);
          // No line of text is higher than lines are.
          const highest = await page.evaluate(
            `Math.max(...[...document.querySelectorAll('code')].map((one) => one.getClientRects()[0]?.height ?? 0))`,
          );
          expect(highest).toBeLessThan(60);
        },
        { viewport: { width: 1000, height: 800 } },
      );
    }
  });

  it('would not run even if they got into the page', async () => {
    const { page, misdeeds } = await open(full);
    await page.evaluate(`(() => {
      // Trusted Types may throw at once, or the element may come to nothing: that it does is asked below.
      const script = document.createElement('script');
      try { script.textContent = 'planted = 1'; document.body.append(script); } catch {}
      try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="planted=1"><iframe src="http://elsewhere.example/"></iframe>'); } catch {}
      const frame = document.createElement('iframe'); frame.src = 'http://elsewhere.example/'; document.body.append(frame);
      const form = document.createElement('form'); form.action = 'http://elsewhere.example/'; document.body.append(form); form.submit();
      const image = document.createElement('img'); image.src = 'http://elsewhere.example/x.png'; document.body.append(image);
    })()`);
    await page.waitForTimeout(50);
    expect(await page.evaluate('typeof planted')).toBe('undefined');
    expect(misdeeds.filter((one) => one.startsWith('request'))).toEqual([]);
    expect(misdeeds.filter((one) => one.startsWith('policy')).length).toBeGreaterThanOrEqual(3);
    await page.context().close();
  });
});

describe('a large report', () => {
  it('is opened and narrowed down in under a second, and fills its folds when they are opened', async () => {
    // In every run one obligation for each function: most of the time goes into writing the page.
    const each = isLong ? 13 : 1;
    const path = join(temporaryFolder('report'), 'large.html');
    writeFileSync(path, reportPage(inputOf(largeEvidence(5000, each))));
    const page = await browser.newPage();
    const misdeeds: string[] = [];
    page.on('console', (message) => void misdeeds.push(message.text()));
    const opened = async (): Promise<number> => {
      await page.goto(`file://${path}`);
      return page.evaluate(`(() => {
        const [{ loadEventEnd }] = performance.getEntriesByType('navigation');
        const start = performance.now();
        const field = document.getElementById('findings-text');
        field.value = 'reads text';
        field.dispatchEvent(new Event('input', { bubbles: true }));
        document.body.offsetHeight;
        return loadEventEnd + performance.now() - start;
      })()`);
    };
    // The best of up to five: others use the machine too.
    let best = await opened();
    for (let i = 0; i < 4 && best >= 1000; i++) best = Math.min(best, await opened());
    expect(best, 'milliseconds').toBeLessThan(1000);
    expect(await page.evaluate('document.querySelectorAll("*").length')).toBeLessThan(60_000);
    const last = page.locator('details.function').last();
    expect(await last.locator('table').count()).toBe(0);
    await last.locator('> summary').click();
    expect(await last.getByRole('row').count()).toBe(each + 1);
    const filter = page.getByRole('search', { name: 'Filter functions' });
    await filter.getByLabel('Text').fill('function_4321');
    expect(await filter.getByRole('status').textContent()).toBe('1 of 5000 shown');
    expect(misdeeds).toEqual([]);
    await page.close();
  });
});
