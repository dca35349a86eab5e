// Whether everybody can use the citizen's pages: by finger, by keyboard, with
// large letters, with a screen reader, on a narrow screen and a thin line.
import assert from 'node:assert/strict';
import { tour } from './tour.mjs';
import { level, pick, receipt, said, send, stored } from './rating.mjs';

// unfold shows everything the rating page can show.
async function unfold(page) {
  await pick(page, level.bad);
  for (const summary of await page.locator('summary').all()) await summary.click();
}

// targets measures what a finger has to hit. The boxes of radio buttons and
// check boxes are their labels.
export const targets = (page) => page.evaluate(() => {
  const boxes = [];
  for (const element of document.querySelectorAll('a, button, summary, select, textarea, input:not([type=hidden])')) {
    const target = ['radio', 'checkbox'].includes(element.type) ? element.labels[0] : element;
    const { width, height } = target.getBoundingClientRect();
    if (width && height) boxes.push({ name: element.id || element.name || element.textContent.trim(), width, height });
  }
  return boxes;
});

async function assertTargets(page, least) {
  const boxes = await targets(page);
  assert(boxes.length > 20, `${boxes.length} targets`);
  assert.deepEqual(boxes.filter((b) => b.width < least || b.height < least), [], `targets under ${least} px`);
}

// letters gives the sizes of all text that shows.
export const letters = (page) => page.evaluate(() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    const text = walk.currentNode.data.trim();
    if (text && parent.checkVisibility()) found.push({ text, size: parseFloat(getComputedStyle(parent).fontSize) });
  }
  return found;
});

// assertNarrow checks that nobody has to scroll sideways, on a usual and on the narrowest phone.
async function assertNarrow(page) {
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 640 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(wide <= width, `the page is ${wide} px wide on ${width} px`);
  }
}

export default async function reach({ told, check, visit, shot }) {
  const { link, window } = told.second;

  await check('the rating page is one small request', () => visit({}, async (page) => {
    const asked = [];
    page.on('request', (request) => { if (!request.url().startsWith('data:')) asked.push(request.url()); });
    const answer = await page.goto(link, { waitUntil: 'networkidle' });
    const bytes = (await answer.body()).length;
    assert.equal(asked.length, 1, `asked for ${asked}`);
    assert(bytes <= 10_240, `${bytes} bytes`);
    return `${bytes} bytes`;
  }));

  await check('zooming is not held back', () => visit({}, async (page) => {
    await page.goto(link);
    const content = await page.locator('meta[name=viewport]').getAttribute('content');
    assert.doesNotMatch(content, /user-scalable|maximum-scale|minimum-scale/);
  }));

  await check('the usual view: targets of 44 px, no sideways scrolling', () => visit({}, async (page) => {
    await page.goto(link);
    await assertNarrow(page);
    await unfold(page);
    await assertTargets(page, 44);
    await assertNarrow(page);
  }));

  await check('the elder view: one tap away, 18 px letters, targets of 60 px, no sideways scrolling', () => visit({ hasTouch: true }, async (page) => {
    await page.goto(link);
    await page.locator('a[href$="elder=1"]').tap();
    await page.locator('html.elder').waitFor();
    await unfold(page);
    await assertTargets(page, 60);
    const sizes = await letters(page);
    assert(sizes.length > 30, `${sizes.length} pieces of text`);
    assert.deepEqual(sizes.filter((s) => s.size < 18), [], 'letters under 18 px');
    await assertNarrow(page);
  }));

  await check('the elder view stays after a mistake and after sending', () => visit({}, async (page) => {
    await page.goto(`${link}?elder=1`);
    await pick(page, level.worst);
    await send(page);
    await page.locator('#f-reason').waitFor();
    assert.equal(await page.locator('html.elder').count(), 1, 'after a mistake');
    await page.locator('#r5 [value="115"]').check();
    await send(page);
    await receipt(page);
    assert.equal(await page.locator('html.elder').count(), 1, 'after sending');
  }));

  await check('by keyboard alone', async () => {
    const comment = '浏览器：键盘 keyboard';
    await visit({}, async (page) => {
      await page.goto(link);
      // tabTo moves on until a control has the focus, and wants it to be seen there.
      const tabTo = async (selector) => {
        for (let i = 0; i < 15; i++) {
          await page.keyboard.press('Tab');
          if (await page.locator(`${selector}:focus`).count()) {
            const outlines = await page.locator(`${selector}:focus, ${selector}:focus + label`)
              .evaluateAll((all) => all.map((e) => getComputedStyle(e).outlineStyle));
            assert(outlines.includes('solid'), `the focus on ${selector} does not show`);
            return;
          }
        }
        assert.fail(`Tab does not reach ${selector}`);
      };
      await tabTo('[name=level]');
      await page.keyboard.press('Space');
      assert(await page.locator('#l1').isChecked());
      for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
      assert(await page.locator('#l4').isChecked());
      await tabTo('#r4 [value="208"]');
      await page.keyboard.press('Space');
      await tabTo('[name=comment]');
      await page.keyboard.type(comment);
      await tabTo('[type=submit]');
      await page.keyboard.press('Enter');
      await receipt(page);
    });
    const rows = await stored(told, window, said(comment));
    assert.deepEqual(rows.map((row) => [row.level, row.reasons]), [['dissatisfied', ['208']]]);
  });

  const fault = async (page, elder) => {
    await page.goto(link + elder);
    await pick(page, level.bad);
    await page.locator('details').last().locator('summary').click();
    await page.locator('[name=phone]').fill('12');
    await send(page);
    await page.locator('#f-phone').waitFor();
  };
  const thank = async (page, elder) => {
    await page.goto(link + elder);
    await pick(page, level.best);
    await send(page);
    await receipt(page);
  };
  const views = { '': '', ' elder': '?elder=1' };
  for (const [view, elder] of Object.entries(views)) {
    await tour({ check, visit, shot }, {}, {
      [`rate${view}`]: (page) => page.goto(link + elder),
      [`rate unfolded${view}`]: async (page) => { await page.goto(link + elder); await unfold(page); },
      [`rate with faults${view}`]: (page) => fault(page, elder),
      [`thanks${view}`]: (page) => thank(page, elder),
      [`unknown code${view}`]: (page) => page.goto(`${told.base}/q/0000000000000000${elder}`),
    });
  }
}
