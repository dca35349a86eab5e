// What the worker of an evaluator's pages keeps and shows when the server answers with
// something else than the page, or with a newer one.
import assert from 'node:assert/strict';
import { mirror } from './mirror.mjs';
import { signIn } from './signin.mjs';

const onPhone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, locale: 'zh-CN', cut: true };
const list = '/console/evaluate?survey=now';

export default async function worker({ told, check, visit }) {
  const bureau = `/console/evaluate/${told.bureau}`;
  const pages = ['/console/interviews', bureau];
  const isCopy = (page) => page.locator('#copy').isVisible();
  const works = (page) => page.locator('#held-all:not([hidden])').waitFor(); // its script ran
  const copies = (page) => page.evaluate(async () => (await caches.keys()).filter((name) => name.startsWith('manyi-evaluate/')));
  const signOut = (page) => page.locator('form[action="/console/signout"] [type=submit]').tap();
  const notThere = async (page, url) => {
    const other = await page.context().newPage();
    await assert.rejects(other.goto(url), /ERR_(INTERNET_DISCONNECTED|FAILED)/);
    await other.close();
  };
  const status = (code) => () => ({ status: code, headers: { 'content-type': 'text/html' }, body: Buffer.from(`<title>${code}</title>`) });
  const enter = async (page, path) => {
    const { base, change } = await mirror(told.base);
    const url = `${base}${path}?survey=now`;
    await signIn(page, (p) => base + p, told.user, told.password);
    await page.goto(url);
    await page.locator('#opens:not([hidden])').waitFor();
    return { base, url, answers: (how) => change(path, how), change };
  };
  const offline = async (page, use) => {
    await page.context().setOffline(true);
    await use();
    await page.context().setOffline(false);
  };

  for (const path of pages) {
    await check(`${path}: no longer theirs, refused, out of order, half or silent`, () => visit(onPhone, async (page) => {
      const { base, url, answers } = await enter(page, path);
      for (const [name, how] of [['out of order', status(503)], ['half', (a) => ({ ...a, body: a.body.subarray(0, a.body.length / 2), lost: 1 })], ['silent', () => null]]) {
        answers(how);
        await page.goto(url);
        assert(await isCopy(page), name);
        await works(page);
      }
      answers(status(404));
      await page.goto(url);
      assert.equal(await page.title(), '404');
      await offline(page, async () => {
        await notThere(page, url);
        await page.goto(base + list); // the others stay
        assert(await isCopy(page));
      });
      answers();
      await page.goto(url);
      await works(page);
      assert(!await isCopy(page));
      answers(status(403));
      await page.goto(url);
      assert.deepEqual([await page.title(), await copies(page)], ['403', []]);
    }));
  }

  await check('with a connection the newest page, files and worker come, and are what is kept', () => visit(onPhone, async (page) => {
    const { url, change, answers } = await enter(page, '/console/interviews');
    await page.context().newPage().then((other) => other.goto(url)); // stays open, as tabs do
    const more = (text) => (a) => ({ ...a, body: Buffer.concat([a.body, Buffer.from(text)]) });
    answers((a) => ({ ...a, body: Buffer.from(String(a.body).replace('<main ', '<main data-newer ')) }));
    change('/static/interviews.js', more('\ndocument.body.dataset.newer = "";'));
    change('/console/evaluate/worker.js', more("\nself.addEventListener('fetch', (event) => { if (event.request.url.endsWith('/newer')) event.respondWith(new Response('newer')); });"));
    const newer = async () => {
      await page.goto(url);
      await works(page);
      await page.locator('body[data-newer] main[data-newer]').waitFor();
    };
    await newer();
    await page.waitForFunction(() => fetch('/static/newer').then((r) => r.text()).then((text) => text === 'newer'));
    answers();
    for (const bad of [404, 500]) {
      change('/static/interviews.js', status(bad));
      await page.goto(url);
    }
    await offline(page, async () => {
      await page.goto(url);
      await page.locator('body[data-newer]').waitFor(); // the script, which no error took the place of
      await works(page);
      assert.equal(await page.locator('main[data-newer]').count(), 0, 'the page was a newer one again');
    });
  }));

  await check('a part of a page does not take its place', () => visit(onPhone, async (page) => {
    const { url } = await enter(page, bureau);
    const items = await page.locator('section.item').count();
    await page.locator('[data-item="1"] [name=finding][value=met]').tap();
    await page.locator('[data-item="1"][data-answered]').waitFor();
    await works(page);
    await page.goto(`${url}&show=open`);
    await works(page);
    assert(await page.locator('section.item').count() < items);
    await offline(page, async () => {
      await page.goto(url);
      assert.equal(await page.locator('section.item').count(), items);
    });
  }));

  await check('a page that was under way when somebody signed out is not kept', () => visit(onPhone, async (page) => {
    const { url, answers } = await enter(page, '/console/interviews');
    let release;
    const held = new Promise((resolve) => {
      answers((a) => new Promise((go) => { release = () => go(a); resolve(); }));
    });
    const other = await page.context().newPage();
    const comes = other.goto(url);
    await held;
    await signOut(page);
    await page.locator('#signin').waitFor();
    answers();
    release();
    await comes;
    assert.deepEqual(await copies(page), []);
  }));
}
