// A reviewer in their own copy: what was taken in stands in the table, and nothing else.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { targets } from './reach.mjs';
import { signIn } from './signin.mjs';
import { tour } from './tour.mjs';

const desk = { viewport: { width: 1280, height: 800 } };
const handy = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

export default async function review({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  let storageState;
  await check('a reviewer signs in and sees what was taken in, with number, signer and figures', () => visit(desk, async (page) => {
    await signIn(page, at, told.user, told.password);
    assert.equal(new URL(page.url()).pathname, '/console/review', 'where there is no survey the console begins here');
    storageState = await page.context().storageState();
    assert.deepEqual(await page.locator('#taken [data-publication]').evaluateAll((rows) => rows.map((r) => r.dataset.publication)), [told.publication]);
    assert.equal(await page.locator('#taken [data-cell=signer]').innerText(), told.signer);
    const row = page.locator(`#review [data-place="${told.bureau}"]`);
    assert.equal(await row.getAttribute('data-signer'), told.signer);
    assert.match(await row.locator('th').innerText(), /福州市鼓楼区人社局/, 'the name is the source’s');
    assert.equal(await row.locator('[data-cell=n]').innerText(), String(told.n));
    assert.match(await row.locator('[data-cell=satisfaction]').innerText(), /\d\d\.\d\d%\s+\d+\/\d+ \d\d\.\d\d–\d\d\.\d\d%/);
  }));

  await check('the file has the same number', () => visit({ ...desk, storageState }, async (page) => {
    await page.goto(at('/console/review'));
    const [file] = await Promise.all([page.waitForEvent('download'), page.locator('a', { hasText: /^CSV$/ }).click()]);
    const [head, ...lines] = (await readFile(await file.path(), 'utf8')).replace(/^\uFEFF/, '').split(/\r?\n/).map((line) => line.split(','));
    const line = lines.find((cells) => cells[head.indexOf('place')] === told.bureau);
    assert.equal(line[head.indexOf('n')], String(told.n));
    assert.equal(line[head.indexOf('publication')], told.publication);
  }));

  const open = async (page) => { await page.goto(at('/console/review')); await page.locator('#review').waitFor(); };
  await tour({ check, visit, shot }, { ...desk, storageState }, { 'review on a desk': open });
  await tour({ check, visit, shot }, { ...handy, storageState }, { 'review on a phone': open });
  await check('targets of 44 px on a phone', () => visit({ ...handy, storageState }, async (page) => {
    await open(page);
    const boxes = await targets(page);
    assert(boxes.length > 3, `${boxes.length} targets`);
    assert.deepEqual(boxes.filter((b) => b.height < 44), []);
  }));
}
