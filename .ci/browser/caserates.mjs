// What the nightly count made of the case, as the bureau's supervisor sees it.
import assert from 'node:assert/strict';
import { signIn } from './signin.mjs';

export default async function rates({ told, check, visit, shot }) {
  await check('the real-name rate is 100 %, by the bureau\'s word and by the citizen\'s', () => visit({ viewport: { width: 1280, height: 800 } }, async (page) => {
    await signIn(page, (path) => told.base + path, told.user, told.password);
    await page.goto(`${told.base}/console/cases/rates?as_of=${told.asOf}`);
    for (const definition of ['C4', 'C5']) {
      const verdict = page.locator(`[data-verdict=${definition}]`);
      assert.match(await verdict.getAttribute('class'), /\bmet\b/);
      assert.match(await verdict.innerText(), /100\.00%\s+1\/1/);
    }
    await shot(page, 'case-rates');
  }));
}
