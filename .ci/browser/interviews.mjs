// An evaluator who interviews people in the street, on a phone whose connection comes and
// goes: no interview is lost, none counts twice, and nothing stays for who comes after.
import assert from 'node:assert/strict';
import { line } from './line.mjs';
import { targets } from './reach.mjs';
import { signIn } from './signin.mjs';
import { axeFinds } from './tour.mjs';

const onPhone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'zh-CN', cut: true };
const address = '/console/interviews?survey=now';

export default async function interviews({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const allSent = (page) => page.locator('#held-all:not([hidden])').waitFor();
  const waiting = (page, n) => page.waitForFunction((want) => document.querySelector('#held-some:not([hidden]) #held-n')?.textContent === want, String(n));
  const isCopy = (page) => page.locator('#copy').isVisible();
  const copies = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('manyi-evaluate/')));
  const held = (page) => page.evaluate(() => new Promise((resolve, reject) => {
    const open = indexedDB.open('manyi-evaluate', 1);
    open.onerror = reject;
    open.onsuccess = () => { open.result.transaction('entries').objectStore('entries').getAll().onsuccess = (e) => resolve(e.target.result); };
  }));
  const enter = async (page, base = told.base, who = { name: told.user, password: told.password }) => {
    await signIn(page, (path) => base + path, who.name, who.password);
    await page.goto(base + address);
    await page.locator('#opens:not([hidden])').waitFor();
  };
  const ask = async (page, level, comment) => {
    await page.locator('#interview [name=level]').selectOption(level);
    if (comment) await page.locator('#interview [name=comment]').fill(comment);
    await page.locator('#interview [type=submit]').tap();
  };
  const emptied = (page) => page.waitForFunction(() => document.querySelector('#interview [name=level]').value === '');
  const comeBack = (page) => page.evaluate(() => dispatchEvent(new Event('online')));

  await check('entered and opened again while nothing listens: each is stored once, and then is nowhere on the phone', () => visit(onPhone, async (page) => {
    const context = page.context();
    const { base, cut, mend } = await line(told.base);
    await enter(page, base);
    const quota = await page.locator(`[data-place="${told.bureau}"] [data-interviewed]`).textContent();
    assert.match(quota, /^\d+\/30$/);
    await page.locator('#interview [name=mode]').selectOption('phone');
    await ask(page, 'satisfied', '在线');
    await page.locator('#state:not([hidden])').filter({ hasText: /[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/ }).waitFor(); // its receipt
    await allSent(page);
    assert.deepEqual(await held(page), []);
    assert.equal(await page.locator('#interview [name=mode]').inputValue(), 'phone', 'the next is asked in the same way');

    await cut();
    await ask(page, 'very_satisfied', '断线一');
    await waiting(page, 1);
    await emptied(page);
    await shot(page, 'interviews-waiting');
    await page.close();
    const second = await context.newPage();
    await second.goto(base + address);
    await waiting(second, 1);
    assert(await isCopy(second), 'it says that it is a copy');
    assert.equal(await second.locator(`[data-place="${told.bureau}"] [data-interviewed]`).textContent(), quota, 'as last known');
    await ask(second, 'basically_satisfied', '断线二');
    await waiting(second, 2);
    await second.reload();
    await waiting(second, 2);
    await second.goto(`${base}/console/evaluate?survey=now`); // the list was kept with it
    await second.locator('[data-interviews]').tap();
    await waiting(second, 2);

    await mend();
    await comeBack(second);
    await allSent(second);
    assert.deepEqual(await held(second), []);
    await second.reload();
    await allSent(second);
    assert(!await isCopy(second));
    return second.close();
  }));

  await check('an acknowledgement is lost, a button is tapped twice, two pages send: once', () => visit(onPhone, async (page) => {
    await enter(page);
    let reached = 0;
    const lose = async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      if (reached++ === 0) await route.fetch(); // the server takes it, and nobody hears
      return route.abort();
    };
    await page.route('**/console/interviews', lose);
    await page.locator('#interview [name=level]').selectOption('satisfied');
    await page.locator('#interview [name=comment]').fill('两次');
    await page.evaluate(() => { // as fast as no finger is
      for (let i = 0; i < 2; i++) document.querySelector('#interview [type=submit]').click();
    });
    await waiting(page, 1);
    await page.reload();
    await waiting(page, 1);
    const other = await page.context().newPage();
    await page.unroute('**/console/interviews', lose);
    await Promise.all([other.goto(at(address)), comeBack(page)]);
    await allSent(page);
    await allSent(other);
    assert(reached > 1, 'it was sent again');
    assert.deepEqual(await held(page), []);
  }));

  await check('what is refused comes back with why, and is put right or deleted', () => visit({ ...onPhone, bypassCSP: true }, async (page) => {
    await enter(page);
    await ask(page, 'dissatisfied'); // and no reason
    await page.locator('#fault:not([hidden])').waitFor();
    assert.equal(await page.locator('#interview [name=level]').inputValue(), 'dissatisfied', 'nobody else was asked yet: it is in the form');
    assert.equal((await held(page)).length, 1);
    await page.locator('#interview summary').first().tap();
    await page.locator('#interview [name=reason]').first().check();
    await page.locator('#interview [name=comment]').fill('改好');
    await page.locator('#interview [type=submit]').tap();
    await page.locator('#state:not([hidden])').waitFor();
    await allSent(page);
    await page.waitForFunction(() => document.getElementById('refused').hidden);
    assert.deepEqual(await held(page), []);

    await page.context().setOffline(true);
    await ask(page, 'very_dissatisfied');
    await waiting(page, 1);
    await ask(page, 'dissatisfied', '有话');
    await waiting(page, 2);
    await page.locator('#interview [name=comment]').fill('下一位'); // is being asked when the others are sent
    await page.context().setOffline(false);
    await comeBack(page);
    await page.locator('#refused details').waitFor();
    await page.waitForFunction(() => document.getElementById('held-some').hidden);
    assert(!await page.locator('#held-all').isVisible(), 'not everything is saved');
    assert.equal(await page.locator('#refused details').count(), 1);
    assert.equal(await page.locator('#interview [name=comment]').inputValue(), '下一位', 'who is asked now is not disturbed');
    await page.locator('#refused summary').tap();
    assert.match(await page.locator('#refused [data-why]').textContent(), /原因/);
    await shot(page, 'interviews-refused');
    assert(await page.evaluate(() => document.documentElement.scrollWidth) <= 360);
    assert.deepEqual((await targets(page)).filter((b) => b.height < 44), []);
    await axeFinds(page);
    await page.reload();
    await page.locator('#refused summary').tap();
    await page.locator('#refused [data-mend]').tap();
    assert.equal(await page.locator('#interview [name=level]').inputValue(), 'very_dissatisfied');
    await page.locator('#refused [data-discard]').tap();
    await page.waitForFunction(() => document.getElementById('refused').hidden);
    assert.deepEqual([await held(page), await page.locator('#interview [name=level]').inputValue()], [[], '']);
  }));

  await check('signed out, the copy is gone; what was not sent stays for its own account only', () => visit(onPhone, async (page) => {
    const context = page.context();
    await enter(page);
    assert.equal((await copies(page)).length, 1);
    await context.setOffline(true);
    await ask(page, 'satisfied', '退出前');
    await waiting(page, 1);
    await page.route('**/console/interviews', (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()));
    await context.setOffline(false);
    await page.locator('form[action="/console/signout"] [type=submit]').tap();
    await page.locator('#signin').waitFor();
    await page.unroute('**/console/interviews');
    assert.deepEqual(await copies(page), []);
    await context.setOffline(true);
    await assert.rejects(page.goto(at(address)), /ERR_(INTERNET_DISCONNECTED|FAILED)/);
    await context.setOffline(false);

    await enter(page, told.base, told.other);
    await allSent(page);
    assert.equal((await held(page)).length, 1, 'somebody else sends nothing of it');
    await enter(page);
    await allSent(page);
    assert.deepEqual(await held(page), []);
  }));

  await check('who left a phone is called back by somebody else, with a phone in the hand', () => visit({ ...onPhone, bypassCSP: true }, async (page) => {
    await enter(page);
    await page.locator('#interview [name=phone]').fill('13800138000');
    await page.locator('#interview [name=consent]').check();
    const { width } = await page.locator('#interview [name=consent]').boundingBox();
    assert(width < 44, `the box to tick is ${width} px wide`);
    await ask(page, 'satisfied', '可回访');
    await emptied(page);
    await allSent(page);
    assert.deepEqual([await held(page), await page.locator('#interview [name=phone]').inputValue()], [[], '']);
    assert.equal((await page.goto(at('/console/rechecks?survey=now'))).status(), 403, 'never by an interviewer');

    await page.goto(at('/console/evaluate'));
    await page.locator('form[action="/console/signout"] [type=submit]').tap();
    await page.locator('#signin').waitFor();
    await signIn(page, at, told.above.name, told.above.password);
    const fits = async () => {
      const wide = await page.evaluate(() => Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('.scroll')].map((s) => s.scrollWidth)));
      assert(wide <= 360, `${page.url()} is ${wide} px wide`);
      assert.deepEqual((await targets(page)).filter((b) => b.height < 44), []);
      await axeFinds(page);
    };
    await page.goto(at('/console/rechecks?survey=now'));
    await shot(page, 'rechecks');
    await fits();
    assert.equal(await page.locator('#rechecks tbody tr').count(), 1);
    await page.locator('#rechecks a').tap();
    assert.equal(await page.locator('[data-step=called]').count(), 0, 'first the number is looked at');
    await page.locator('[data-step=revealed] [type=submit]').tap();
    assert.match(await page.locator('[data-number]').textContent(), /13800138000/);
    await page.locator('[data-step=called] [name=outcome]').selectOption({ index: 1 }); // it took place
    await page.locator('[data-step=called] [name=level]').selectOption('satisfied');
    await shot(page, 'recheck');
    await fits();
    await page.locator('[data-step=called] [type=submit]').tap();
    await page.locator('[data-outcome=confirmed]').waitFor();
    assert.equal(await page.locator('[data-number]').count(), 0, 'shown once');
  }));
}
