// What the nightly count made of every fate: the page says the numbers worked out by hand.
import assert from 'node:assert/strict';
import { signIn } from './signin.mjs';

export default async function rates({ told, check, visit, shot }) {
  await check('every rate and count is the one worked out by hand', () => visit({ viewport: { width: 1280, height: 800 } }, async (page) => {
    await signIn(page, (path) => told.base + path, told.user, told.password);
    await page.goto(`${told.base}/console/cases/rates?as_of=${told.asOf}`);
    const said = await page.locator('#definitions tr[data-definition]').evaluateAll((rows) => Object.fromEntries(rows.map((row) => [
      row.dataset.definition,
      // Without, pending, with and not adopted; of a rate the fraction, of a count the count.
      [row.cells[1], row.cells[3]].map((cell) => (cell.querySelector('i') ?? cell).innerText.trim()),
    ])));
    assert.deepEqual(said, told.rates);
    for (const definition of ['C4', 'C5']) {
      assert.match(await page.locator(`[data-verdict=${definition}]`).getAttribute('class'), /\bnot_met\b/);
    }
    const reasons = await page.locator('#reasons tr[data-reason]').evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.dataset.reason, row.cells[1].innerText.trim()])));
    assert.deepEqual(reasons, told.reasons);
    await shot(page, 'case-rates-of-all-fates');
  }));
}
