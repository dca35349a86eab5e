// Paper forms: printed, and keyed in one after another without a mouse.
import assert from 'node:assert/strict';
import { stored } from './rating.mjs';
import { signIn } from './signin.mjs';
import { tour } from './tour.mjs';

export default async function paper({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const { window } = told.first;
  const viewport = { width: 1280, height: 800 };
  const storageState = await visit({ viewport }, async (page) => {
    await signIn(page, at, told.user, told.password);
    return page.context().storageState();
  });
  const desk = { viewport, storageState };

  await check('two forms keyed in without a mouse', () => visit(desk, async (page) => {
    const byPaper = (row) => row.channel === 'paper';
    const before = (await stored(told, window, byPaper)).length;
    await page.goto(at(`/console/paper?window=${window}&number=11`));
    for (const [level, reasons, comment] of [['b', '', ''], ['E', '115 110', '等了两个小时']]) {
      await page.locator('[name=level]:focus').waitFor();
      await page.keyboard.type(level);
      await page.keyboard.press('Tab');
      await page.keyboard.type(reasons);
      await page.keyboard.press('Tab');
      await page.keyboard.type(comment);
      await page.keyboard.press('Shift+Tab');
      const number = await page.locator('[name=number]').inputValue();
      await page.keyboard.press('Enter');
      await page.locator(`[data-done="${number}"]`).waitFor();
    }
    assert.equal(await page.locator('[name=number]').inputValue(), '13');
    const rows = (await stored(told, window, byPaper)).slice(before);
    assert.deepEqual(rows.map((row) => [row.level, row.reasons, row.comment, row.paper_number, row.keyed_by]),
      [['satisfied', [], null, 11, told.user], ['very_dissatisfied', ['110', '115'], '等了两个小时', 12, told.user]]);
  }));

  for (const [size, width] of Object.entries({ a5: 420, a4: 595 })) { // points
    await check(`blank forms: one a page of ${size}, nothing cut off`, () => visit(desk, async (page) => {
      await page.goto(at(`/console/paper/sheets?window=${window}&from=1&count=3&size=${size}`));
      await shot(page, `paper-${size}`);
      const cut = await page.evaluate(() => [...document.querySelectorAll('.sheet')].filter((s) => s.scrollHeight > s.clientHeight + 1 || s.scrollWidth > s.clientWidth + 1).length);
      assert.equal(cut, 0, 'forms are cut off');
      const room = await page.evaluate(() => document.querySelector('.lines').clientHeight);
      assert(room > 60, `${room} px to write in`);
      await page.emulateMedia({ media: 'print' });
      const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
      assert.equal(pdf.match(/\/Type\s*\/Page\b/g).length, 3);
      for (const [, points] of pdf.matchAll(/\/MediaBox\s*\[0 0 ([\d.]+)/g)) assert(Math.abs(points - width) < 2, `${points} points wide`);
    }));
  }

  await tour({ check, visit, shot }, desk, {
    'paper forms': (page) => page.goto(at(`/console/paper?window=${window}`)),
    'paper forms at fault': async (page) => {
      await page.goto(at(`/console/paper?window=${window}`));
      await page.locator('[name=level]').fill('E');
      await page.locator('#paper [type=submit]').click();
      await page.locator('#f-reason').waitFor();
    },
    'blank forms': (page) => page.goto(at(`/console/paper/sheets?window=${window}&count=2`)),
    tablets: (page) => page.goto(at('/console/tablets')),
    codes: (page) => page.goto(at(`/console/codes?within=${window}`)),
  });
  await tour({ check, visit, shot }, { viewport: { width: 360, height: 740 }, storageState }, {
    'paper forms on a phone': (page) => page.goto(at(`/console/paper?window=${window}`)),
    'tablets on a phone': (page) => page.goto(at('/console/tablets')),
  });
}
