// An evaluator's page is opened again where there is no connection: with what was entered,
// which is stored once; and there is nothing left of it for who comes after.
import assert from 'node:assert/strict';
import { line } from './line.mjs';
import { signIn } from './signin.mjs';
import { axeFinds } from './tour.mjs';

const onPhone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'zh-CN', cut: true };

export default async function offline({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const list = '/console/evaluate?survey=now';
  const address = `/console/evaluate/${told.bureau}?survey=now`;
  const item = (page, number) => page.locator(`[data-item="${number}"]`);
  const radio = (page, number, finding) => item(page, number).locator(`[name=finding][value=${finding}]`);
  const opensOffline = (page) => page.locator('#opens:not([hidden])').waitFor();
  const isCopy = (page) => page.locator('#copy').isVisible();
  const answered = (page) => page.locator('#answered').textContent().then(Number);
  const allSent = (page) => page.locator('#held-all:not([hidden])').waitFor();
  const waiting = (page, n) => page.waitForFunction((want) => document.getElementById('held-n').textContent === want, String(n));
  const copies = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('manyi-evaluate/')));
  const held = (page) => page.evaluate(() => new Promise((resolve, reject) => {
    const open = indexedDB.open('manyi-evaluate', 1);
    open.onerror = reject;
    open.onsuccess = () => { open.result.transaction('entries').objectStore('entries').getAll().onsuccess = (e) => resolve(e.target.result.length); };
  }));
  const enter = async (page, who = { name: told.user, password: told.password }) => {
    await signIn(page, at, who.name, who.password);
    await page.goto(at(address));
    await opensOffline(page);
  };
  const notThere = async (page) => assert.rejects(page.goto(at(address)), /ERR_(INTERNET_DISCONNECTED|FAILED)/);
  const signOut = (page) => page.locator('form[action="/console/signout"] [type=submit]').tap();

  await check('opened again while nothing listens: what was entered is there, and is stored once', () => visit(onPhone, async (page) => {
    const context = page.context();
    const { base, cut, mend } = await line(told.base);
    await signIn(page, (path) => base + path, told.user, told.password);
    await page.goto(base + list);
    await page.locator(`[data-place="${told.bureau}"]`).tap();
    await opensOffline(page);
    assert(!await isCopy(page));
    await radio(page, '1', 'met').tap(); // taken by the server after the copy was made
    await page.waitForFunction(() => document.getElementById('answered').textContent === '1');
    await allSent(page);
    await cut();
    await radio(page, '2', 'not_met').tap();
    await item(page, '5').locator('summary').tap();
    await item(page, '5').locator('[name=note]').fill('走廊没有指示牌');
    await item(page, '5').locator('[type=file]').setInputFiles(told.symbol);
    await radio(page, '5', 'not_met').tap();
    await waiting(page, await held(page));
    const before = await held(page);
    assert(before >= 2, `${before} wait`);
    await page.close();

    const second = await context.newPage();
    await second.goto(base + address);
    await waiting(second, before);
    assert(await isCopy(second), 'it says that it is a copy');
    for (const [number, finding] of [['1', 'met'], ['2', 'not_met'], ['5', 'not_met']]) assert(await radio(second, number, finding).isChecked(), `item ${number}`);
    assert.equal(await item(second, '5').locator('[name=note]').inputValue(), '走廊没有指示牌');
    assert.equal(await answered(second), 1);
    await shot(second, 'evaluate-copy');
    await radio(second, '3', 'met').tap();
    await waiting(second, before + 1);
    await second.goto(base + list);
    assert(await isCopy(second));
    await shot(second, 'evaluate-list-copy');
    await second.goto(`${base}${address}&show=open`); // the whole page stands for a part of it
    await waiting(second, before + 1);

    await mend();
    await second.evaluate(() => dispatchEvent(new Event('online')));
    await allSent(second);
    await second.goto(base + address);
    await allSent(second);
    assert(!await isCopy(second));
    assert.equal(await answered(second), 4);
    assert.equal(await held(second), 0);
    assert.equal(await item(second, '5').locator('.photos img').count(), 1, 'the photo went too');
    await cut();
    await second.reload(); // the copy is the newest page
    assert(await isCopy(second));
    assert.equal(await answered(second), 4);
  }));

  await check('the session ends meanwhile: the page says to sign in, and then it is sent', () => visit(onPhone, async (page) => {
    const context = page.context();
    await enter(page);
    await context.setOffline(true);
    await context.clearCookies();
    await page.reload();
    await radio(page, '6', 'met').tap();
    await waiting(page, 1);
    await context.setOffline(false);
    await page.locator('#held-out:not([hidden])').waitFor();
    assert.equal(await held(page), 1);
    await shot(page, 'evaluate-signed-out');
    await page.locator('#held-out a').tap();
    await page.locator('#signin').waitFor();
    await page.goto(at(address));
    await page.locator('#signin').waitFor();
    assert.deepEqual(await copies(page), [], 'the server said that the session is over');
    await enter(page);
    await allSent(page);
    assert(await radio(page, '6', 'met').isChecked());
    assert.equal(await held(page), 0);
  }));

  await check('a page with the token of an earlier session keeps what it is told until it is opened anew', () => visit(onPhone, async (page) => {
    await enter(page);
    await signIn(await page.context().newPage(), at, told.user, told.password);
    await radio(page, '7', 'met').tap();
    await page.locator('#held-out:not([hidden])').waitFor();
    assert.equal(await held(page), 1);
    await page.reload();
    await allSent(page);
    assert(await radio(page, '7', 'met').isChecked());
  }));

  await check('signed out, the copy is gone; what was not sent stays for its owner', () => visit(onPhone, async (page) => {
    const context = page.context();
    await enter(page);
    assert.equal((await copies(page)).length, 1);
    await page.goto(at('/console/figures')); // a page without a script
    await signOut(page);
    await page.locator('#signin').waitFor();
    assert.deepEqual(await copies(page), []);
    await context.setOffline(true);
    await notThere(page);
    await context.setOffline(false);

    await enter(page);
    await context.setOffline(true);
    await radio(page, '8', 'met').tap();
    await waiting(page, 1);
    const unheard = page.waitForEvent('requestfailed', (request) => request.url() === at('/console/signout'));
    await signOut(page);
    await unheard; // and the copy goes all the same
    await notThere(page);
    await context.setOffline(false);
    await page.goto(at(address)); // still signed in, as the server sees it
    await allSent(page);
    assert(await radio(page, '8', 'met').isChecked());
  }));

  await check('another account sees and sends nothing of it, whether it evaluates or not', async () => {
    for (const who of [told.other, told.above]) {
      const number = who === told.other ? '9' : '10';
      await visit(onPhone, async (page) => {
        const context = page.context();
        await enter(page);
        const [mine] = await copies(page);
        await context.setOffline(true);
        await radio(page, number, 'met').tap();
        await waiting(page, 1);
        await context.clearCookies(); // the session ended; nobody signed out
        await context.setOffline(false);
        await page.goto(at('/console/signin'));
        if (who === told.above) {
          assert.deepEqual(await copies(page), [mine], 'nobody came yet');
          await signIn(page, at, who.name, who.password);
          assert.deepEqual(await copies(page), []);
          await context.setOffline(true);
          await notThere(page);
          await context.setOffline(false);
        } else {
          await enter(page, who);
          assert.equal(await page.locator('[name=finding]:checked').count(), 0);
          assert.deepEqual([await answered(page), await page.locator('#held-all').isVisible(), await held(page)], [0, true, 1]);
          const theirs = await copies(page);
          assert(theirs.length === 1 && theirs[0] !== mine);
          await context.setOffline(true);
          await page.reload();
          assert(await isCopy(page));
          assert.equal(await page.locator('[name=finding]:checked').count(), 0);
          await context.setOffline(false);
        }
        await enter(page);
        await allSent(page);
        assert(await radio(page, number, 'met').isChecked());
        assert.equal(await held(page), 0);
      });
    }
  });

  await check('a copy is shown for as long as a session lasts', () => visit(onPhone, async (page) => {
    await enter(page);
    const age = (hours) => page.evaluate(async ([address, hours]) => {
      const [name] = (await caches.keys()).filter((n) => n.startsWith('manyi-evaluate/'));
      const kept = await caches.open(name);
      const copy = await kept.match(address);
      const headers = new Headers(copy.headers);
      headers.set('kept-at', Date.now() - hours * 60 * 60_000);
      await kept.put(address, new Response(await copy.blob(), { headers }));
    }, [address, hours]);
    await age(11);
    await page.context().setOffline(true);
    await page.reload();
    assert(await isCopy(page));
    await age(13);
    await notThere(page);
  }));

  await check('axe finds nothing on a copy, and nothing is wider than the phone', () => visit({ ...onPhone, bypassCSP: true }, async (page) => {
    await enter(page);
    await page.context().setOffline(true);
    for (const path of [address, list]) {
      await page.goto(at(path));
      assert(await isCopy(page));
      assert(await page.evaluate(() => document.documentElement.scrollWidth) <= 360);
      await axeFinds(page);
    }
  }));
}
