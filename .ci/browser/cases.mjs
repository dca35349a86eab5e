// A bad review's whole way: the citizen proves the phone, the bureau works the case
// on a phone, the citizen says that it is solved, and the bureau closes it.
import assert from 'node:assert/strict';
import { complain, find, follow, prove, take } from './complaint.mjs';
import { signIn } from './signin.mjs';
import { tour } from './tour.mjs';

export default async function cases({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const handy = { viewport: { width: 360, height: 640 } };
  let number;

  await check('rate badly, and prove the phone', () => visit({ javaScriptEnabled: false }, async (page) => {
    number = await complain(page, told.first.link, { comment: '浏览器：等了两个小时', phone: '13800138000' });
    await shot(page, 'thanks-after-a-bad-review');
    await prove(page, told, () => shot(page, 'verify'));
  }));

  await check('before anybody acted, the receipt shows nothing', () => visit({}, async (page) => {
    await follow(page, at, number);
    await page.locator('[data-unknown]').waitFor();
  }));

  let address;
  const storageState = await visit(handy, async (page) => {
    await signIn(page, at, told.user, told.password);
    return page.context().storageState();
  });
  const bureau = { ...handy, storageState };

  await check('the bureau contacts, verifies, rectifies with a photo and calls back', () => visit(bureau, async (page) => {
    address = await find(page, at, { within: told.first.window, show: 'identified' });
    await take(page, 'contacted', { outcome: 'reached' });
    await take(page, 'verified', { note: '排队确实太久' });
    await take(page, 'rectified', { note: '增开了两个窗口', photo: told.symbol });
    assert.equal(await page.locator('.timeline img').count(), 1, 'the photo is shown');
    await page.locator('.timeline img').scrollIntoViewIfNeeded(); // it is loaded when it is looked at
    await page.waitForFunction(() => document.querySelector('.timeline img').naturalWidth > 0);
    await take(page, 'called_back', { outcome: 'satisfied' });
    await shot(page, 'case');
    return address;
  }));

  await check('the citizen sees what was done, and says that it is solved', () => visit({ javaScriptEnabled: false }, async (page) => {
    await follow(page, at, number.toLowerCase().replaceAll('-', ' '));
    await page.locator('[data-step=rectified]').waitFor();
    const text = await page.locator('main').innerText();
    assert(text.includes('增开了两个窗口') && !text.includes('排队确实太久'), text);
    await page.locator('#said [name=outcome]').selectOption('solved');
    await page.locator('#said [name=level]').selectOption('satisfied');
    await page.locator('#said [type=submit]').click();
    await page.locator('[data-said]').waitFor();
    await shot(page, 'follow');
  }));

  await check('the bureau closes the case', () => visit(bureau, async (page) => {
    await page.goto(at(address));
    await take(page, 'closed');
    await page.locator('[data-state=closed]').waitFor();
  }));

  await tour({ check, visit, shot }, bureau, {
    'a case': (page) => page.goto(at(address)),
    'cases': (page) => page.goto(at('/console/cases')),
  });
  await tour({ check, visit, shot }, handy, {
    'follow': (page) => page.goto(at('/follow')),
    'verify': (page) => page.goto(at('/verify')),
  });
}
