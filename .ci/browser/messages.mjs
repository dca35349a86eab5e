// Text messages: the campaign, an invitation answered in the demo's outbox, and what
// was not counted.
import assert from 'node:assert/strict';
import { signIn } from './signin.mjs';
import { tour } from './tour.mjs';

export default async function messages({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const viewport = { width: 1280, height: 800 };
  const storageState = await visit({ viewport }, async (page) => {
    await signIn(page, at, told.user, told.password);
    return page.context().storageState();
  });
  const desk = { viewport, storageState };
  const invitation = (page) => page.locator('article.message', { hasText: '非常满意' }).filter({ has: page.locator('form') }).first();

  // until opens a page again and again, as somebody does who waits for something.
  async function until(page, path, seen) {
    for (const end = Date.now() + 60_000; Date.now() < end;) {
      await page.goto(at(path));
      if (await seen()) return;
      await page.waitForTimeout(500);
    }
    assert.fail(`${path} does not come to show it`);
  }

  // rows are the responses that came by text message.
  async function rows() {
    const answer = await fetch(at('/api/v1/responses?format=json'), { headers: { Authorization: `Bearer ${told.token}` } });
    assert.equal(answer.status, 200);
    return (await answer.json()).rows.filter((row) => row.channel === 'sms');
  }

  const answered = (page) => page.locator('[data-count=answered] td').innerText().then(Number);

  await check('an invitation answered in the outbox counts, and the campaign says so', () => visit(desk, async (page) => {
    await page.goto(at('/console/campaign'));
    const before = await answered(page);
    const had = (await rows()).length;
    await until(page, '/console/outbox', () => invitation(page).count());
    const phone = await invitation(page).locator('[data-phone]').innerText();
    assert.match(phone, /^\d{3}\*{4}\d{4}$/);
    await invitation(page).locator('[name=text]').fill('５，办得快');
    await page.keyboard.press('Enter');
    await page.locator('[data-answered]').waitFor();
    await until(page, '/console/campaign', async () => await answered(page) === before + 1);
    const now = await rows();
    assert.equal(now.length, had + 1);
    assert(now.some((row) => row.level === 'very_satisfied' && row.comment === '办得快'));
  }));

  await check('a question is no answer: it is listed with the reason, and asked about', () => visit(desk, async (page) => {
    await until(page, '/console/outbox', async () => await page.locator('article.message form').count() > 1);
    const other = page.locator('article.message', { hasText: '退订' }).filter({ has: page.locator('form') }).last(); // one nobody has answered
    await other.locator('[name=text]').fill('打13800138000问我？');
    await other.locator('[type=submit]').click();
    await page.locator('[data-answered]').waitFor();
    const row = page.locator('tr[data-fate=unclear]');
    await until(page, '/console/replies', () => row.count());
    assert.equal(await row.locator('[data-text]').innerText(), '打138****8000问我？');
  }));

  await check('a text that is none is refused beside its message', () => visit(desk, async (page) => {
    await page.goto(at('/console/outbox'));
    const id = await invitation(page).getAttribute('id');
    await invitation(page).locator('[type=submit]').click();
    await page.locator(`#${id} [data-fault=text]`).waitFor();
  }));

  await check('the preview tells the parts and warns, and keeps nothing', () => visit(desk, async (page) => {
    await page.goto(at('/console/campaign'));
    const text = await page.locator('[name=text_zh]').inputValue();
    await page.locator('[name=text_zh]').fill(`${text}。好评请看 www.example.cn`);
    await page.locator('[value=preview]').click();
    await page.locator('[data-warning=good_word]').waitFor();
    await page.locator('[data-warning=link]').waitFor();
    assert.equal(await page.locator('[data-parts]').first().getAttribute('data-parts'), '2');
    await page.goto(at('/console/campaign'));
    assert.equal(await page.locator('[name=text_zh]').inputValue(), text);
  }));

  await check('a text that holds a phone is refused by its field', () => visit(desk, async (page) => {
    await page.goto(at('/console/campaign'));
    const text = await page.locator('[name=text_zh]').inputValue();
    await page.locator('[name=text_zh]').fill(`${text}，咨询13800138000`);
    await page.locator('[value=save]').click();
    await page.locator('[data-fault=text_zh]').waitFor();
    await page.goto(at('/console/campaign'));
    assert.equal(await page.locator('[name=text_zh]').inputValue(), text);
  }));

  const pages = {
    campaign: (page) => page.goto(at('/console/campaign')),
    outbox: (page) => page.goto(at('/console/outbox?answered=1')),
    replies: (page) => page.goto(at('/console/replies')),
    'no replies': (page) => page.goto(at('/console/replies?fate=late')),
  };
  await tour({ check, visit, shot }, desk, pages);
  await tour({ check, visit, shot }, { viewport: { width: 360, height: 740 }, storageState },
    Object.fromEntries(Object.entries(pages).map(([name, open]) => [`${name} on a phone`, open])));

  await check('the campaign is cancelled', () => visit(desk, async (page) => {
    await page.goto(at('/console/campaign'));
    await page.locator('[value=cancel]').click();
    await page.locator('[data-saved]').waitFor();
  }));
}
