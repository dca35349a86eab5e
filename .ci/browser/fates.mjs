// What else becomes of bad reviews, over three days: one that nobody touches, one
// whose citizen cannot be reached, one that is explained, and one that is not adopted.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { complain, find, follow, prove, take } from './complaint.mjs';
import { signIn } from './signin.mjs';

const desk = { viewport: { width: 1280, height: 800 } };
const phones = { overdue: '13800138001', unreachable: '13800138002', excluded: '13800138003' };

export default async function fates({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  const citizen = (use) => visit({ javaScriptEnabled: false }, use);
  const staff = (user, use) => visit(desk, async (page) => {
    await signIn(page, at, user.name, user.password);
    return use(page);
  });
  const bureau = (use) => staff({ name: told.user, password: told.password }, use);
  const kept = told.day === 1 ? {} : JSON.parse(await readFile(told.kept)); // receipt and case of each fate

  const days = [async () => {
    for (const [fate, more] of Object.entries({
      overdue: { reason: 207 }, unreachable: { comment: '等太久' }, explained: { reason: 209, comment: '要免社保' }, excluded: { reason: 207 },
    })) {
      await check(`day 1: a citizen whose case will be ${fate} rates badly`, () => citizen(async (page) => {
        const receipt = await complain(page, told.second.link, { number: fate, phone: phones[fate], ...more });
        if (phones[fate]) await prove(page, told);
        kept[fate] = { receipt };
      }));
    }
    await check('day 1: the bureau looks for its cases', () => bureau(async (page) => {
      for (const fate of Object.keys(phones)) {
        kept[fate].address = await find(page, at, { number: fate, show: 'identified' });
      }
      await page.goto(at('/console/cases?number=explained'));
      assert.equal(await page.locator('tr[data-case]').count(), 0, 'who left no phone is not seen before the next day');
    }));
    await check('day 1: the bureau puts one right and calls in vain', () => bureau(async (page) => {
      await page.goto(at(kept.unreachable.address));
      const reveal = page.locator('details[data-step=revealed]');
      await reveal.locator('summary').click();
      await reveal.locator('[name=note]').fill('回访');
      await reveal.locator('[type=submit]').click();
      assert((await page.locator('[data-contact]').innerText()).includes(phones.unreachable));
      await take(page, 'contacted', { outcome: 'reached' });
      await take(page, 'verified', { note: '属实' });
      await take(page, 'rectified', { note: '已增开窗口' });
      await take(page, 'called_back', { outcome: 'unreachable' });
      await page.locator('[data-state=rectified]').waitFor();
    }));
    await check('day 1: the bureau proposes not to adopt one, with evidence, and cannot decide it', () => bureau(async (page) => {
      await page.goto(at(kept.excluded.address));
      await take(page, 'exclusion_asked', { ground: 'mistaken', note: '当事人当天未在本窗口办事', photo: told.symbol });
      for (const decision of ['exclusion_granted', 'exclusion_refused']) {
        assert.equal(await page.locator(`details[data-step=${decision}]`).count(), 0, decision);
      }
    }));
  }, async () => {
    await check('day 2: the city does not adopt it', () => staff(told.above, async (page) => {
      await find(page, at, { show: 'exclusion_asked' });
      assert.equal(await page.locator('.timeline img').count(), 1, 'the evidence is shown');
      await take(page, 'exclusion_granted', { note: '证据充分' });
      await shot(page, 'case-not-adopted');
    }));
    await check('day 2: the citizen sees it by the receipt, and objects once', () => citizen(async (page) => {
      await follow(page, at, kept.excluded.receipt);
      await page.locator('[data-step=exclusion_granted]').waitFor();
      assert((await page.locator('main').innerText()).includes('证据充分'));
      await shot(page, 'follow-not-adopted');
      await page.locator('#objected [name=note]').fill('我在三号窗口等了两个小时');
      await page.locator('#objected [type=submit]').click();
      await page.locator('[data-said]').waitFor();
      assert.equal(await page.locator('#objected').count(), 0, 'there is no second time');
    }));
    await check('day 2: the bureau sees the one whose author left nothing to call, and explains', () => bureau(async (page) => {
      await find(page, at, { number: 'explained' });
      await take(page, 'contacted', { outcome: 'no_contact' });
      await take(page, 'verified', { note: '诉求不符合规定' });
      await take(page, 'explained', { note: '社保不能免缴，已公开说明' });
      assert.equal(await page.locator('details[data-step=called_back]').count(), 0, 'nobody can be called back');
      await take(page, 'closed');
    }));
    await check('day 2: the bureau calls in vain', () => bureau(async (page) => {
      await page.goto(at(kept.unreachable.address));
      await take(page, 'called_back', { outcome: 'unreachable' });
      await take(page, 'called_back', { outcome: 'unreachable' }); // twice on a day is one day
      await page.locator('[data-state=rectified]').waitFor();
    }));
  }, async () => {
    await check('day 3: the city looks at the objection and stays with its decision', () => staff(told.above, async (page) => {
      await find(page, at, { show: 'exclusion_asked' });
      assert((await page.locator('.timeline').innerText()).includes('我在三号窗口等了两个小时'));
      await take(page, 'exclusion_granted', { note: '监控显示未到窗口' });
    }));
    await check('day 3: the citizen sees that, and cannot object again', () => citizen(async (page) => {
      await follow(page, at, kept.excluded.receipt);
      await page.locator('[data-step=exclusion_granted]').nth(1).waitFor();
      assert.equal(await page.locator('#objected').count(), 0);
    }));
    await check('day 3: the bureau calls in vain, gives up and closes', () => bureau(async (page) => {
      await page.goto(at(kept.unreachable.address));
      await take(page, 'called_back', { outcome: 'unreachable' });
      await page.locator('[data-state=unreachable]').waitFor();
      await take(page, 'closed');
    }));
    await check('day 3: nobody touched the last one', () => bureau(async (page) => {
      await page.goto(at(kept.overdue.address));
      await page.locator('[data-state=open]').waitFor();
    }));
  }];
  await days[told.day - 1]();
  await writeFile(told.kept, JSON.stringify(kept));
}
