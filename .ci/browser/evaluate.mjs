// An evaluator on site, on a phone: an evaluation with a lost connection in the middle,
// of which nothing is lost and nothing counts twice.
import assert from 'node:assert/strict';
import { targets } from './reach.mjs';
import { signIn } from './signin.mjs';
import { axeFinds } from './tour.mjs';

const onPhone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'zh-CN' };

export default async function evaluate({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const address = `/console/evaluate/${told.bureau}`;
  const open = async (page) => {
    await signIn(page, at, told.user, told.password);
    await page.goto(at(address));
    await page.locator('#held-all:not([hidden])').waitFor();
  };
  const choose = (page, item, finding) => page.locator(`[data-item="${item}"] [name=finding][value=${finding}]`).tap();
  const waitKept = (page, n) => page.waitForFunction((want) => document.getElementById('held-n').textContent === want, String(n));
  // The device writes nothing for others until window.busy is false.
  const busyDevice = (page) => page.evaluate(() => new Promise((resolve, reject) => {
    window.busy = true;
    const request = indexedDB.open('manyi-evaluate');
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const entries = request.result.transaction('entries', 'readwrite').objectStore('entries');
      const hold = () => { if (window.busy) entries.count().onsuccess = hold; };
      entries.count().onsuccess = () => { resolve(); hold(); };
    };
  }));
  const allSent = (page) => page.locator('#held-all:not([hidden])').waitFor();
  const answered = (page) => page.locator('#answered').textContent().then(Number);

  await check('judged with the connection lost in the middle, kept over it, sent once', () => visit({ ...onPhone, cut: true }, async (page) => {
    await open(page);
    await choose(page, '1', 'met');
    await page.waitForFunction(() => document.getElementById('answered').textContent === '1');
    await page.context().setOffline(true);
    await busyDevice(page); // what is said while it is busy counts as it was said
    await choose(page, '2', 'not_met');
    await choose(page, '3', 'met');
    await choose(page, '3', 'not_applicable'); // changed their mind: two entries
    const measured = page.locator('[data-item="11"]');
    await measured.locator('[name=value1]').fill('95');
    await measured.locator('[name=value2]').fill('85');
    await choose(page, '11', 'met');
    assert.equal(await page.locator('#held-n').textContent(), '0', 'the device is busy');
    await page.evaluate(() => { window.busy = false; });
    await waitKept(page, 5); // values and finding are kept one after the other
    assert.equal(await answered(page), 1, 'nothing came through');
    await shot(page, 'evaluate-offline');
    await page.locator('#submit [type=submit]').tap();
    await page.locator('#submit-wait:not([hidden])').waitFor();
    await page.context().setOffline(false);
    await allSent(page);
    await page.reload();
    assert.equal(await answered(page), 4);
    assert(await page.locator('[data-item="3"] [value=not_applicable]').isChecked());
    assert.deepEqual([await measured.locator('[name=value1]').inputValue(), await measured.locator('[name=value2]').inputValue()], ['95', '85']);
  }));

  await check('an entry whose acknowledgement is lost counts once; one that waits outlives the page', () => visit({ ...onPhone, cut: true }, async (page) => {
    await open(page);
    let reached = 0;
    await page.route(`**${address}*`, async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      if (reached++ === 0) await route.fetch(); // the server takes it, and nobody hears
      return route.abort();
    });
    await choose(page, '4', 'met');
    await waitKept(page, 1);
    await page.reload(); // while it waits
    await waitKept(page, 1);
    assert(await page.locator('[data-item="4"] [value=met]').isChecked());
    await page.unroute(`**${address}*`);
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await allSent(page);
    assert(reached > 1, 'it was sent again');
    assert.equal(await answered(page), 5);
  }));

  await check('what is refused says why at its item, and can be put right', () => visit({ ...onPhone, cut: true }, async (page) => {
    await open(page);
    const item = page.locator('[data-item="13"]');
    await item.locator('[name=value1]').fill('99');
    await choose(page, '13', 'met');
    await item.locator('[data-fault]:not([hidden])').waitFor();
    assert.match(await item.locator('[data-fault]').textContent(), /没有达到标准/);
    await choose(page, '13', 'not_met');
    await page.waitForFunction(() => document.querySelector('[data-item="13"] [data-fault]').hidden);
    await allSent(page);
  }));

  await check('a photo goes with its item', () => visit(onPhone, async (page) => {
    await open(page);
    const item = page.locator('[data-item="5"]');
    await choose(page, '5', 'met');
    await item.locator('summary').tap();
    await item.locator('[type=file]').setInputFiles(told.symbol);
    await allSent(page);
    await page.waitForFunction(() => document.querySelector('[data-item="5"] [type=file]').value === '');
    await allSent(page);
    await page.reload();
    const photo = item.locator('.photos img');
    await photo.waitFor();
    assert.equal(await photo.count(), 1);
    assert(await photo.evaluate(async (img) => { img.loading = 'eager'; await img.decode(); return img.naturalWidth > 0; }));
  }));

  await check('targets of 44 px, no sideways scrolling, axe finds nothing', () => visit({ ...onPhone, bypassCSP: true }, async (page) => {
    await open(page);
    await shot(page, 'evaluate');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= 360, `the page is ${wide} px wide`);
    const spans = await page.locator('.findings span').evaluateAll((all) => all.map((s) => s.getBoundingClientRect().height));
    assert(spans.length > 100 && spans.every((h) => h >= 60), 'findings are big targets');
    const boxes = await targets(page);
    assert.deepEqual(boxes.filter((b) => b.height < 44), []);
    return axeFinds(page);
  }));

  await check('an interview is entered on the phone, and the next one waits', () => visit({ ...onPhone, bypassCSP: true }, async (page) => {
    await open(page);
    await page.goto(at('/console/evaluate'));
    await page.locator('[data-interviews]').tap();
    await page.locator('#interview').waitFor();
    await shot(page, 'interviews');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= 360, `the page is ${wide} px wide`);
    assert.deepEqual((await targets(page)).filter((b) => b.height < 44), []);
    await axeFinds(page);
    const form = page.locator('#interview');
    await form.locator('[name=mode]').selectOption('phone');
    await form.locator('[name=level]').selectOption('dissatisfied');
    await form.locator('[type=submit]').tap();
    await page.locator('#fault:not([hidden])').waitFor(); // and what was chosen came back
    assert.equal(await form.locator('[name=level]').inputValue(), 'dissatisfied');
    await form.locator('summary').first().tap();
    await form.locator('[name=reason]').first().check();
    await form.locator('[type=submit]').tap();
    await page.locator('#state:not([hidden])').filter({ hasText: /[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/ }).waitFor(); // its receipt
    assert.equal(await form.locator('[name=level]').inputValue(), '');
    assert.equal(await form.locator('[name=mode]').inputValue(), 'phone');
  }));

  await check('without a script the form of an interview comes back with what is at fault', () => visit({ ...onPhone, javaScriptEnabled: false }, async (page) => {
    await signIn(page, at, told.user, told.password);
    await page.goto(at('/console/interviews'));
    await page.locator('#interview [name=level]').selectOption('dissatisfied');
    await page.locator('#interview [type=submit]').tap();
    await page.locator('#f-reason').waitFor();
    assert.equal(await page.locator('#interview [name=level]').inputValue(), 'dissatisfied');
    assert(!await page.locator('#held-some').isVisible());
  }));

  await check('answered in full it is submitted, locked, and revised with a reason', () => visit(onPhone, async (page) => {
    await open(page);
    await page.goto(at(`${address}?show=open`));
    for (const section of await page.locator('section.item').all()) {
      const values = section.locator('[name^=value]');
      for (let i = 0; i < await values.count(); i++) await values.nth(i).fill('');
      await section.locator('[name=finding][value=not_applicable]').tap();
    }
    await page.waitForFunction(() => document.getElementById('answered').textContent === '64');
    await allSent(page);
    await page.locator('#submit [type=submit]').tap();
    await page.locator('[data-submitted]').waitFor();
    assert.equal(await page.locator('section.item form').count(), 0);
    await page.locator('#revise summary').tap();
    await page.locator('#revise textarea').fill('复核后改');
    await page.locator('#revise [type=submit]').tap();
    await page.locator('section.item form').first().waitFor();
    assert.equal(await page.locator('[data-submitted]').count(), 0);
  }));
}
