// A bad review's whole way: the citizen proves the phone, the bureau works the case
// on a phone, the citizen says that it is solved, and the bureau closes it.
import assert from 'node:assert/strict';
import { level, pick, receipt, send } from './rating.mjs';
import { signIn } from './signin.mjs';
import { tour } from './tour.mjs';

export default async function cases({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const handy = { viewport: { width: 360, height: 640 } };
  let number;

  await check('rate badly, and prove the phone', () => visit({ javaScriptEnabled: false }, async (page) => {
    await page.goto(told.first.link);
    await pick(page, level.bad);
    await page.locator('[name=comment]').fill('浏览器：等了两个小时');
    await page.locator('details').last().locator('summary').click();
    await page.locator('[name=phone]').fill('13800138000');
    await page.locator('[name=consent]').check();
    await send(page);
    number = await receipt(page);
    await shot(page, 'thanks-after-a-bad-review');
    await page.locator('form[action="/verify"] [type=submit]').click();
    await page.locator('#send [type=submit]').click();
    await page.locator('[data-phone]').waitFor();
    await shot(page, 'verify');
    const message = await (await fetch(told.sms)).text();
    const [, code] = message.match(/(\d{6})/);
    await page.locator('[name=code]').fill(code);
    await page.locator('#check [type=submit]').click();
    await page.locator('[data-notice=proved]').waitFor();
  }));

  await check('before anybody acted, the receipt shows nothing', () => visit({}, async (page) => {
    await page.goto(at('/follow'));
    await page.locator('[name=receipt]').fill(number);
    await page.locator('[type=submit]').first().click();
    await page.locator('[data-unknown]').waitFor();
  }));

  let address;
  const storageState = await visit(handy, async (page) => {
    await signIn(page, at, told.user, told.password);
    return page.context().storageState();
  });
  const bureau = { ...handy, storageState };

  // take fills in a step's form, as it stands on the case's page, and sends it.
  async function take(page, step, { outcome, note, photo } = {}) {
    const form = page.locator(`details[data-step=${step}]`);
    if (await form.getAttribute('open') === null) await form.locator('summary').click();
    if (outcome) await form.locator('[name=outcome]').selectOption(outcome);
    if (note) await form.locator('[name=note]').fill(note);
    if (photo) await form.locator('[name=photos]').setInputFiles(photo);
    await form.locator('[type=submit]').click();
    await page.locator(`.timeline [data-step=${step}]`).first().waitFor();
  }

  await check('the bureau contacts, verifies, rectifies with a photo and calls back', () => visit(bureau, async (page) => {
    // The case is opened, and the proof taken over, by jobs: look until it is there.
    for (let tries = 0; ; tries++) {
      await page.goto(at(`/console/cases?within=${told.first.window}&show=identified`));
      if (await page.locator('tr[data-case]').count() > 0) break;
      assert(tries < 60, 'the case of a proved phone does not come');
      await page.waitForTimeout(500);
    }
    await page.locator('tr[data-case] a').first().click();
    address = new URL(page.url()).pathname;
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
    await page.goto(at('/follow'));
    await page.locator('[name=receipt]').fill(number.toLowerCase().replaceAll('-', ' '));
    await page.locator('[type=submit]').first().click();
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
