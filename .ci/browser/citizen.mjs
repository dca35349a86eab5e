// Citizens who rate: by script or none, on a slow phone, impatiently, and with mistakes.
import assert from 'node:assert/strict';
import { level, pick, receipt, said, send, stored } from './rating.mjs';

const wechat = {
  userAgent: 'Mozilla/5.0 (Linux; Android 10; V2005A Build/QP1A.190711.020; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 '
    + 'Chrome/86.0.4240.99 XWEB/3211 MMWEBSDK/20220204 Mobile Safari/537.36 MicroMessenger/8.0.20.2080(0x28001439) WeChat/arm64 NetType/3gnet Language/zh_CN',
  deviceScaleFactor: 3, hasTouch: true, isMobile: true, locale: 'zh-CN',
};

const slowLine = { offline: false, latency: 400, downloadThroughput: 50 * 1024, uploadThroughput: 50 * 1024 };

async function slow(page) {
  const line = await page.context().newCDPSession(page);
  await line.send('Network.enable');
  await line.send('Network.emulateNetworkConditions', slowLine);
}

export default async function citizen({ told, check, visit }) {
  const { first, second } = told;

  // rateOnce walks the whole way from the scanned link to the stored response.
  async function rateOnce(place, comment, options, touch) {
    const number = await visit(options, async (page) => {
      if (touch) await slow(page);
      await page.goto(place.link);
      await pick(page, level.good, touch);
      await page.locator('[name=comment]').fill(comment);
      await send(page, touch);
      return receipt(page);
    });
    const rows = await stored(told, place.window, said(comment));
    assert.equal(rows.length, 1, `${rows.length} responses say ${comment}`);
    assert.equal(rows[0].level, 'satisfied');
    return number;
  }

  await check('scan, rate, stored once', () => rateOnce(first, '浏览器：扫码评价', {}));
  await check('without script', () => rateOnce(second, '浏览器：无脚本', { javaScriptEnabled: false }));
  await check('in WeChat on a slow line', () => rateOnce(second, '浏览器：微信', wechat, true));
  await check('in WeChat on a slow line without script', () =>
    rateOnce(second, '浏览器：微信无脚本', { ...wechat, javaScriptEnabled: false }, true));

  await check('a bad level opens its reasons without script', () => visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(second.link);
    const open = async () => [await page.locator('#r4').isVisible(), await page.locator('#r5').isVisible()];
    assert.deepEqual(await open(), [false, false], 'before choosing');
    for (const [id, want] of [[level.bad, [true, false]], [level.worst, [false, true]], [level.best, [false, false]]]) {
      await pick(page, id);
      assert.deepEqual(await open(), want, `after choosing ${id}`);
    }
  }));

  await check('a bad review without a reason comes back with everything typed, and can be put right', async () => {
    await visit({ javaScriptEnabled: false }, async (page) => {
      await page.goto(second.link);
      await pick(page, level.bad);
      await page.locator('details').first().locator('summary').click();
      await page.locator('[name=attitude]').selectOption('very_dissatisfied');
      await page.locator('details').last().locator('summary').click();
      await page.locator('[name=case_number]').fill('BROWSER-1');
      const [answer] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), send(page)]);
      assert.equal(answer.status(), 422);
      const described = page.locator('#r4[aria-describedby=f-reason]');
      assert(await described.isVisible(), 'the reasons name their fault');
      assert(await page.locator('fieldset.levels #f-reason').isVisible(), 'the fault stands with its field');
      assert(await page.locator('#l4').isChecked(), 'the level is kept');
      assert.equal(await page.locator('[name=attitude]').inputValue(), 'very_dissatisfied');
      assert(await page.locator('[name=attitude]').isVisible(), 'what was answered is unfolded');
      assert.equal(await page.locator('[name=case_number]').inputValue(), 'BROWSER-1');
      await page.locator('#r4 [value="214"]').check();
      await send(page);
      await receipt(page);
    });
    const rows = await stored(told, second.window, (row) => row.case_number === 'BROWSER-1');
    assert.deepEqual(rows.map((row) => [row.level, row.reasons, row.answer_attitude]), [['dissatisfied', ['214'], 'very_dissatisfied']]);
  });

  await check('a comment that is too long comes back whole', () => visit({}, async (page) => {
    const long = '长'.repeat(501);
    await page.goto(second.link);
    await pick(page, level.fair);
    await page.locator('[name=comment]').fill(long);
    const [answer] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), send(page)]);
    assert.equal(answer.status(), 422);
    assert(await page.locator('#f-comment').isVisible());
    assert.equal(await page.locator('[name=comment][aria-describedby=f-comment]').inputValue(), long);
  }));

  // posts counts how often the form goes out of the browser.
  const posts = (page) => {
    const sent = [];
    page.on('request', (request) => { if (request.method() === 'POST') sent.push(request); });
    return sent;
  };

  const fill = async (page, comment) => {
    await page.goto(second.link);
    await pick(page, level.good);
    await page.locator('[name=comment]').fill(comment);
  };

  const isThere = async (comment, times) => {
    const rows = await stored(told, second.window, said(comment));
    assert.equal(rows.length, times, `stored ${rows.length} times`);
    return rows;
  };

  await check('two taps on send count once', async () => {
    const comment = '浏览器：点两次';
    const sent = await visit(wechat, async (page) => {
      await fill(page, comment);
      await slow(page);
      const sent = posts(page);
      const { x, y, width, height } = await page.locator('#rate [type=submit]').boundingBox();
      await page.touchscreen.tap(x + width / 2, y + height / 2);
      await page.touchscreen.tap(x + width / 2, y + height / 2);
      await receipt(page);
      return sent.length;
    });
    await isThere(comment, 1);
    return `${sent} requests`;
  });

  await check('a reload of the thanks page counts once', async () => {
    const comment = '浏览器：刷新';
    await visit({}, async (page) => {
      await fill(page, comment);
      await send(page);
      const number = await receipt(page);
      const sent = posts(page);
      await page.reload();
      assert.equal(sent.length, 1, 'the reload sent the form again');
      assert.equal(await receipt(page), number, 'with the same receipt');
    });
    await isThere(comment, 1);
  });

  await check('back and the same again counts once', async () => {
    const comment = '浏览器：返回再交';
    await visit({}, async (page) => {
      await fill(page, comment);
      await send(page);
      const number = await receipt(page);
      await page.goBack();
      await pick(page, level.good);
      await page.locator('[name=comment]').fill(comment);
      await send(page);
      assert.equal(await receipt(page), number, 'with the same receipt');
    });
    await isThere(comment, 1);
  });

  await check('back and something else is a second response, marked', async () => {
    const [comment, other] = ['浏览器：返回前', '浏览器：返回后'];
    await visit({}, async (page) => {
      await fill(page, comment);
      await send(page);
      const number = await receipt(page);
      await page.goBack();
      await pick(page, level.fair);
      await page.locator('[name=comment]').fill(other);
      await send(page);
      assert.notEqual(await receipt(page), number);
    });
    await isThere(comment, 1);
    const [row] = await isThere(other, 1);
    assert(row.flags.includes('key_reused'), `flags ${row.flags}`);
  });
}
