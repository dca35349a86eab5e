// What holds for every page, whoever it is for.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// axeFinds fails if axe finds anything on the page as it stands, whose policy is lifted.
export async function axeFinds(page) {
  await page.addScriptTag({ content: axe });
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  assert(passes.length > 5, 'axe looked at the page');
  assert.deepEqual(violations.map((v) => `${v.id} (${v.impact}): ${v.help}: ${v.nodes.slice(0, 5).map((n) => n.target).join(' | ')} (${v.nodes.length})`), []);
  return `${passes.length} rules`;
}

// tour opens each page twice: as it is, for the browser to complain and to look
// for script and overflow; and with the policy lifted, for axe to be let in.
export async function tour({ check, visit, shot }, options, pages) {
  for (const [name, open] of Object.entries(pages)) {
    await check(`${name}: no script, no complaint, no sideways scrolling`, () => visit(options, async (page) => {
      await open(page);
      await shot(page, name.replaceAll(' ', '-'));
      const running = await page.evaluate(() => [
        ...document.scripts,
        ...[...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => /^on/i.test(a.name) || /^\s*javascript:/i.test(a.value))),
      ].map((e) => e.outerHTML));
      assert.deepEqual(running, []);
      const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert(wide <= screen, `the page is ${wide} px wide on ${screen} px`);
    }));
    await check(`${name}: axe finds nothing`, () => visit({ ...options, bypassCSP: true }, async (page) => {
      await open(page);
      return axeFinds(page);
    }));
  }
}
