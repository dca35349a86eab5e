// A hall tablet: set up by its link, rated on without a connection, and left clean.
import assert from 'node:assert/strict';
import { letters, targets } from './reach.mjs';
import { stored } from './rating.mjs';
import { signIn } from './signin.mjs';
import { axeFinds } from './tour.mjs';

const tablet = { viewport: { width: 1280, height: 800 }, hasTouch: true, locale: 'zh-CN', cut: true };

export default async function kiosk({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const { window } = told.first;
  const hall = window.slice(0, window.lastIndexOf('-'));
  const byTablet = (row) => row.channel === 'tablet';
  const levels = async () => (await stored(told, window, byTablet)).map((row) => row.level);

  // link makes a tablet in the console and returns where its link leads.
  const links = await visit({ viewport: { width: 1280, height: 800 } }, async (page) => {
    await signIn(page, at, told.user, told.password);
    const made = {};
    for (const place of [window, hall]) {
      await page.goto(at('/console/tablets'));
      await page.locator('[name=place]').selectOption(place);
      await page.locator('main form.filters [type=submit]').click();
      made[place] = new URL(await page.locator('#made [data-link]').getAttribute('href')).pathname;
    }
    await shot(page, 'tablets');
    return made;
  });

  // ready waits until the page can be reloaded without a connection, and somebody may rate.
  const setUp = async (page, place) => {
    await page.goto(at(links[place]));
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.locator('#windows:not([hidden]), #levels:not([hidden])').waitFor();
  };
  const mayRate = (page) => page.locator('[data-level=satisfied][aria-disabled=false]').waitFor();
  const tap = (page, name) => page.locator(`[data-level=${name}]`).tap();
  const thanked = (page) => page.locator('#thanks:not([hidden])').waitFor();
  const waiting = async (page) => await page.locator('#waiting').isVisible() ? Number(await page.locator('#waiting-n').textContent()) : 0;
  const allSent = (page) => page.locator('#waiting').waitFor({ state: 'hidden' });

  await check('rated three times without a connection, reloaded in between, counted three times', () => visit(tablet, async (page) => {
    await setUp(page, window);
    const before = await levels();
    await page.context().setOffline(true);
    for (const [i, name] of ['very_satisfied', 'satisfied', 'dissatisfied'].entries()) {
      await page.reload();
      await mayRate(page);
      await tap(page, name);
      if (name === 'dissatisfied') {
        await page.locator('[data-reasons=dissatisfied] [value="207"]').check();
        await page.locator('[name=comment]').fill('平板：没有样表');
        await shot(page, 'kiosk-reasons');
        await page.locator('#form [type=submit]').tap();
      }
      await thanked(page);
      await page.waitForFunction((n) => document.getElementById('waiting-n').textContent === n, String(i + 1));
    }
    await page.reload();
    await page.locator('#waiting:not([hidden])').waitFor();
    assert.equal(await waiting(page), 3, 'kept on the device over a reload');
    assert.deepEqual(await levels(), before, 'nothing came through');
    await page.context().setOffline(false);
    await allSent(page);
    await page.reload();
    await allSent(page);
    assert.deepEqual((await levels()).slice(before.length), ['very_satisfied', 'satisfied', 'dissatisfied']);
    const last = (await stored(told, window, byTablet)).at(-1);
    assert.deepEqual([last.reasons, last.comment], [['207'], '平板：没有样表']);
  }));

  await check('an answer whose acknowledgement was lost, and one that a network swallowed, count once', () => visit(tablet, async (page) => {
    await setUp(page, window);
    const before = (await levels()).length;
    let lost = 0;
    await page.route('**/kiosk/rate', async (route) => {
      if (route.request().method() !== 'POST' || lost > 1) return route.continue();
      if (lost++ === 0) { // the network's own sign-in page
        return route.fulfill({ status: 200, contentType: 'text/html', body: '<h1>Wi-Fi</h1>' });
      }
      await route.fetch();
      return route.abort();
    });
    await mayRate(page);
    await tap(page, 'satisfied');
    await thanked(page);
    const online = () => page.evaluate(() => dispatchEvent(new Event('online')));
    await page.waitForFunction(() => document.getElementById('waiting-n').textContent === '1');
    assert.equal((await levels()).length, before, 'the sign-in page took it');
    await Promise.all([page.waitForEvent('requestfailed'), online()]);
    assert.equal((await levels()).length, before + 1, 'it was stored');
    assert.equal(await waiting(page), 1, 'and the tablet does not know');
    await online();
    await allSent(page);
    assert.equal((await levels()).length, before + 1);
  }));

  await check('a refused answer is kept, shown without its level, and can be sent again', () => visit(tablet, async (page) => {
    await setUp(page, window);
    const before = (await levels()).length;
    let refuse = true;
    await page.route('**/kiosk/rate', (route) => {
      if (route.request().method() !== 'POST' || !refuse) return route.continue();
      const id = new URLSearchParams(route.request().postData()).get('id');
      return route.fulfill({ status: 410, contentType: 'application/json', body: JSON.stringify({ id, refused: 'closed' }) });
    });
    await mayRate(page);
    await tap(page, 'satisfied');
    await page.locator('#refused:not([hidden])').waitFor();
    await page.reload();
    await page.locator('#refused summary').tap();
    const shown = await page.locator('#refused-list li').allTextContents();
    assert.equal(shown.length, 1);
    assert.match(shown[0], /测评已结束/);
    assert.match(shown[0], new RegExp(window));
    assert.doesNotMatch(shown[0], /satisfied|满意/);
    refuse = false;
    await page.locator('#again').tap();
    await page.locator('#refused').waitFor({ state: 'hidden' });
    await allSent(page);
    assert.equal((await levels()).length, before + 1);
  }));

  await check('one person once: a count shows when the next may rate, also after a reload; then the page is back by itself', () => visit(tablet, async (page) => {
    await setUp(page, window);
    await mayRate(page);
    const before = (await levels()).length;
    await tap(page, 'satisfied');
    await thanked(page);
    await page.locator('#thanks [data-start]').tap();
    await page.locator('#wait:not([hidden])').waitFor();
    assert(Number(await page.locator('#wait-n').textContent()) > 0);
    // The driver would wait until a button may be used; an impatient person does not.
    await page.evaluate(() => document.querySelectorAll('[data-level]').forEach((button) => button.click()));
    assert(await page.locator('#levels').isVisible(), 'a tap during the count changes nothing');
    await page.reload();
    await page.locator('#wait:not([hidden])').waitFor();
    await mayRate(page);
    assert(await page.locator('#wait').isHidden());
    await tap(page, 'satisfied'); // the second person's own rating
    await thanked(page);
    await page.locator('#levels:not([hidden])').waitFor(); // nobody touched it
    await allSent(page);
    assert.equal((await levels()).length, before + 2);
  }));

  await check('nothing of one person is left for the next', () => visit(tablet, async (page) => {
    await page.clock.install();
    await setUp(page, window);
    await page.clock.runFor(60_000);
    const leave = async (how) => {
      await tap(page, 'dissatisfied');
      await page.locator('[data-reasons=dissatisfied] [value="208"]').check();
      await page.locator('[name=comment]').fill('我的话');
      await how();
      await page.locator('#levels:not([hidden])').waitFor();
      assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('#form input:checked, #form textarea')].map((e) => e.value)), ['']);
    };
    await leave(() => page.locator('#reasons [data-start]').tap());
    await leave(async () => {
      await page.clock.runFor(45_000);
      await page.locator('#idle:not([hidden])').waitFor();
      await page.locator('[name=comment]').press('End'); // still there
      await page.clock.runFor(45_000);
      assert(await page.locator('#reasons').isVisible(), 'who is still typing is not cut off');
      await page.clock.runFor(16_000);
    });
    await leave(() => page.reload());
  }));

  await check('a bad level asks for a reason or words', () => visit(tablet, async (page) => {
    await setUp(page, window);
    await mayRate(page);
    await tap(page, 'very_dissatisfied');
    assert(await page.locator('[data-reasons=very_dissatisfied]').isVisible());
    assert(await page.locator('[data-reasons=dissatisfied]').isHidden());
    await page.locator('#form [type=submit]').tap();
    assert(await page.locator('#missing').isVisible());
    assert(await page.locator('#reasons').isVisible());
  }));

  const screens = {
    windows: [hall, async () => {}],
    levels: [window, mayRate],
    reasons: [window, async (page) => { await mayRate(page); await tap(page, 'dissatisfied'); }],
    'reasons at fault': [window, async (page) => { await mayRate(page); await tap(page, 'dissatisfied'); await page.locator('#form [type=submit]').tap(); }],
    thanks: [window, async (page) => { await mayRate(page); await tap(page, 'satisfied'); await thanked(page); }],
    count: [window, async (page) => { await mayRate(page); await tap(page, 'satisfied'); await thanked(page); await page.locator('#thanks [data-start]').tap(); await page.locator('#wait:not([hidden])').waitFor(); }],
  };
  for (const [name, [place, open]] of Object.entries(screens)) {
    await check(`${name}: targets of 60 px, letters of 18 px, no sideways scrolling, axe finds nothing`, () => visit({ ...tablet, bypassCSP: true }, async (page) => {
      await setUp(page, place);
      await open(page);
      await shot(page, `kiosk-${name.replaceAll(' ', '-')}`);
      const boxes = await targets(page);
      assert(boxes.length > 0);
      assert.deepEqual(boxes.filter((b) => b.width < 60 || b.height < 60), []);
      assert.deepEqual((await letters(page)).filter((l) => l.size < 18), []);
      const rules = await axeFinds(page);
      for (const size of [{ width: 800, height: 1280 }, { width: 600, height: 960 }]) {
        await page.setViewportSize(size);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert(wide <= size.width, `the page is ${wide} px wide on ${size.width} px`);
        assert.deepEqual((await targets(page)).filter((b) => b.width < 60 || b.height < 60), []);
      }
      return rules;
    }));
  }

  await check('by keyboard alone, at the tablet of a hall', () => visit(tablet, async (page) => {
    await setUp(page, hall);
    const before = (await levels()).length;
    await page.locator('#windows:not([hidden])').waitFor();
    const press = async (selector, key) => {
      for (let i = 0; i < 30; i++) {
        await page.keyboard.press('Tab');
        if (await page.locator(`${selector}:focus`).count()) {
          assert.equal(await page.locator(selector).evaluate((e) => getComputedStyle(e).outlineStyle), 'solid');
          return page.keyboard.press(key);
        }
      }
      return assert.fail(`Tab does not reach ${selector}`);
    };
    await press(`[data-window="${window}"]`, 'Enter');
    await mayRate(page);
    await press('[data-level=dissatisfied]', 'Enter');
    await press('[data-reasons=dissatisfied] [value="208"]', 'Space');
    await press('#form [type=submit]', 'Enter');
    await thanked(page);
    await page.locator('#windows:not([hidden])').waitFor();
    await allSent(page);
    assert.equal((await levels()).length, before + 1);
  }));
}
