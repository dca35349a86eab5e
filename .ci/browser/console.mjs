// Those who read the figures and print the codes.
import assert from 'node:assert/strict';
import { signIn as enter } from './signin.mjs';
import { tour } from './tour.mjs';

const desk = { viewport: { width: 1280, height: 800 } };

export default async function office({ told, check, visit, shot }) {
  const at = (path) => told.base + path;

  const signIn = (page, name = told.user, password = told.password) => enter(page, at, name, password);

  await check('a wrong password and an unknown name get the same words', () => visit(desk, async (page) => {
    const words = [];
    for (const name of [told.user, 'nobody']) {
      await signIn(page, name, 'not the password');
      words.push(await page.locator('[role=alert]').innerText());
      assert.equal(await page.locator('[name=name]').inputValue(), name, 'the name is kept');
      assert.equal(await page.locator('[name=password]').inputValue(), '', 'the password is not');
    }
    assert.equal(words[0], words[1]);
  }));

  await check('sign in, see the window\'s figure, sign out', () => visit(desk, async (page) => {
    await signIn(page);
    assert.match(page.url(), /\/console\/figures$/);
    await page.goto(at(`/console/figures?by=window&within=${told.first.window}`));
    const n = await page.locator(`tr[data-place="${told.first.window}"]`).first().locator('td').first().innerText();
    assert.equal(n, String(told.n));
    await page.locator('form[action$=signout] [type=submit]').click();
    await page.locator('#signin').waitFor();
    await page.goto(at('/console/figures'));
    await page.locator('#signin').waitFor();
    return `n = ${n}`;
  }));

  await check('the figures\' form leads down and back', () => visit(desk, async (page) => {
    await signIn(page);
    await page.locator('select[name=by]').selectOption('city');
    await page.locator('form.filters [type=submit]').click();
    await page.waitForURL(/by=city/);
    await page.locator('tbody th a').first().click();
    await page.waitForURL(/within=/);
    assert((await page.locator('tbody tr').count()) > 1);
  }));

  await check('the code on the print sheet', () => visit(desk, async (page) => {
    await signIn(page);
    await page.goto(at(`/console/codes?within=${told.first.window}`));
    await page.locator('a[href*=sheet][href*=a4]').click();
    await page.locator('section.label').waitFor();
    await page.locator('section.label svg').screenshot({ path: told.symbol });
    await shot(page, 'sheet');
    await page.emulateMedia({ media: 'print' });
    const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
    assert.equal(pdf.match(/\/Type\s*\/Page\b/g).length, 1, 'one poster, one page');
  }));

  await check('close a period on a phone, and download what was published', () => visit({ viewport: { width: 360, height: 740 } }, async (page) => {
    await signIn(page);
    await page.goto(at('/console/publications'));
    const press = () => page.locator('form[action="/console/publications"] [type=submit].main').click();
    await press();
    await page.locator('[data-fault=publish_unmarked]').waitFor();
    await page.locator('[name=sample]').check();
    await press();
    const id = await page.locator('[data-made]').getAttribute('data-made');
    const row = page.locator(`tr[data-publication="${id}"]`);
    assert((await row.locator('[data-by]').innerText()).includes(told.user), 'who published it');
    await row.locator('[data-sample]').waitFor();
    const coming = page.waitForEvent('download');
    await row.locator('a[href$="bundle.zip"]').click();
    await (await coming).saveAs(told.bundle);
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(wide <= screen, `the page is ${wide} px wide on ${screen} px`);
    return id;
  }));

  // Signing in costs a slow hash, so the tour does it once.
  const storageState = await visit(desk, async (page) => {
    await signIn(page);
    return page.context().storageState();
  });
  const bureau = told.first.window.split('-').slice(0, 2).join('-');
  const open = (path) => (page) => page.goto(at(path));
  const scores = (file, until) => async (page) => {
    await page.goto(at('/console/evaluations/import'));
    await page.fill('#check [name=source]', 'institute');
    await page.setInputFiles('#check [name=table]', file);
    await page.click('#check [type=submit]');
    await page.locator(until).waitFor();
  };
  await tour({ check, visit, shot }, desk, {
    'sign in': open('/console/signin'),
    'sign in wrong': (page) => signIn(page, 'nobody', 'not the password'),
  });
  await tour({ check, visit, shot }, { ...desk, storageState }, {
    figures: open('/console/figures?by=city'),
    'figures of windows': open(`/console/figures?by=window&within=${bureau}`),
    codes: open(`/console/codes?within=${bureau}`),
    texts: open('/console/texts'),
    rates: open('/console/cases/rates?by=city'),
    status: open('/console/status'),
    publications: open('/console/publications'),
    'scores with faults': scores({ name: 'scores.csv', mimeType: 'text/csv', buffer: Buffer.from('bureau,item,finding\n350102,1,maybe\n') }, '#faults'),
    'scores to take in': scores(told.scores, '#take'),
    'print sheet': open(`/console/codes/sheet?within=${bureau}&size=a6`),
    'no such place': open('/console/figures?within=nowhere'),
  });
  const handy = { viewport: { width: 360, height: 740 }, storageState };
  await check('on a phone the menu leaves the page its room', () => visit(handy, async (page) => {
    await page.goto(at('/console/figures'));
    const bar = await page.locator('.bar').boundingBox();
    assert(bar.height < 740 / 4, `the menu is ${bar.height} px high`);
    await page.goto(at('/console/status')); // one of the last
    const here = await page.locator('.bar [aria-current]').boundingBox();
    assert(here.x >= 0 && here.x + here.width <= handy.viewport.width, `where one is lies out of sight, at ${here.x} px`);
    for (const link of await page.locator('.bar a, .bar button').all()) {
      const { width, height } = await link.boundingBox();
      assert(width >= 44 && height >= 44, `${await link.innerText()}: ${width} × ${height} px to tap`);
    }
  }));
  await check('on a phone every page of the menu fits, in cards instead of wide tables', () => visit(handy, async (page) => {
    await page.goto(at('/console'));
    const menu = await page.locator('.bar nav a').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
    assert(menu.length > 10, `${menu.length} pages in the menu`);
    const pages = [...menu, `/console/cases?within=${bureau}`, '/console/figures?by=bureau', '/console/cases/rates?by=bureau', `/console/codes?within=${bureau}`,
      '/console/tablets', '/console/paper', '/console/rechecks', '/console/evaluations/import', `/console/evaluations/${bureau}`];
    for (const path of pages) {
      const response = await page.goto(at(path));
      assert.equal(response.status(), 200, path);
      await page.locator('main').waitFor();
      const found = await page.evaluate(() => {
        for (const d of document.querySelectorAll('details')) d.open = true;
        const seen = (e) => e.getClientRects().length > 0;
        const box = (e) => (e.closest('label') ?? e).getBoundingClientRect();
        const inText = (e) => e.matches('a:not(.button)') && e.closest('table') && !e.closest('.cards');
        return {
          wide: document.documentElement.scrollWidth,
          // The figures' own table scrolls beside a column that stays; so do what it explains below.
          tables: [...document.querySelectorAll('.scroll')].filter((s) => s.scrollWidth > s.clientWidth + 1 && !s.querySelector('#figures, #channels, #trend')).map((s) => s.firstElementChild.id),
          small: [...document.querySelectorAll('main :is(a, button, input:not([type=hidden]), select, summary)')].filter((e) => seen(e) && !inText(e) && box(e).height < 44).map((e) => e.outerHTML.slice(0, 120)),
        };
      });
      assert(found.wide <= handy.viewport.width, `${path} is ${found.wide} px wide`);
      assert.deepEqual(found.tables, [], `${path}: tables wider than the screen`);
      assert.deepEqual(found.small, [], `${path}: less than 44 px to tap`);
    }
    return `${pages.length} pages`;
  }));
  await tour({ check, visit, shot }, handy, {
    'texts on a phone': open('/console/texts'),
    'codes on a phone': open(`/console/codes?within=${bureau}`),
    'evaluations on a phone': open('/console/evaluations'),
    'unassigned bureaus on a phone': open('/console/evaluations?show=unassigned'),
    'figures on a phone': open('/console/figures?by=city'),
    'rates on a phone': open('/console/cases/rates?by=city'),
    'status on a phone': open('/console/status'),
    'publications on a phone': open('/console/publications'),
    'scores on a phone': scores(told.scores, '#take'),
  });
  await check('scores made elsewhere are looked at, then taken, once', () => visit({ ...desk, storageState }, async (page) => {
    const rows = async (part) => page.locator(`[data-part=${part}] tr[data-row]`).count();
    await scores(told.scores, '#take')(page);
    const added = await rows('added');
    assert(added > 0 && await rows('changed') === 0, `${added} rows are new`);
    await page.fill('#take [name=reason]', '首次导入');
    await page.click('#take [type=submit]');
    assert.equal(await page.locator('[data-taken] strong').first().textContent(), String(added));
    await scores(told.scores, '[data-nothing]')(page);
    assert.equal(await rows('unchanged'), added);
  }));
}
