// How a citizen complains, and how a bureau works the case on its page.
import { level, pick, receipt, send } from './rating.mjs';

// complain rates badly, with whatever more there is to say, and returns the receipt.
export async function complain(page, link, { reason, comment, number, phone }) {
  await page.goto(link);
  await pick(page, level.bad);
  if (reason) await page.locator(`#r4 [value="${reason}"]`).check();
  if (comment) await page.locator('[name=comment]').fill(comment);
  await page.locator('details').last().locator('summary').click();
  if (number) await page.locator('[name=case_number]').fill(number);
  if (phone) {
    await page.locator('[name=phone]').fill(phone);
    await page.locator('[name=consent]').check();
  }
  await send(page);
  return receipt(page);
}

// prove goes on from the page with the receipt, and proves the phone left with the
// rating by the code sent to it. look is called while the code is asked for.
export async function prove(page, told, look = () => {}) {
  await page.locator('form[action="/verify"] [type=submit]').click();
  await page.locator('#send [type=submit]').click();
  await page.locator('[data-phone]').waitFor();
  await look();
  const message = await (await fetch(told.sms)).text();
  const [, code] = message.match(/(\d{6})/);
  await page.locator('[name=code]').fill(code);
  await page.locator('#check [type=submit]').click();
  await page.locator('[data-notice=proved]').waitFor();
}

// follow looks up what was done about the rating of a receipt.
export async function follow(page, at, number) {
  await page.goto(at('/follow'));
  await page.locator('[name=receipt]').fill(number);
  await page.locator('[type=submit]').first().click();
}

// find opens the case that a list's filters choose. Cases are opened, and proofs
// taken over, by jobs: it looks until it is there.
export async function find(page, at, filters) {
  for (let tries = 0; ; tries++) {
    await page.goto(at(`/console/cases?${new URLSearchParams(filters)}`));
    if (await page.locator('tr[data-case]').count() > 0) break;
    if (tries === 60) throw new Error(`no case comes for ${JSON.stringify(filters)}`);
    await page.waitForTimeout(500);
  }
  await page.locator('tr[data-case] a').first().click();
  await page.locator('[data-state]').waitFor();
  return new URL(page.url()).pathname;
}

// take fills in a step's form, as it stands on the case's page, and sends it.
export async function take(page, step, { outcome, ground, note, photo } = {}) {
  const form = page.locator(`details[data-step=${step}]`);
  const before = await page.locator(`.timeline [data-step=${step}]`).count();
  if (await form.getAttribute('open') === null) await form.locator('summary').click();
  if (outcome) await form.locator('[name=outcome]').selectOption(outcome);
  if (ground) await form.locator('[name=ground]').selectOption(ground);
  if (note) await form.locator('[name=note]').fill(note);
  if (photo) await form.locator('[name=photos]').setInputFiles(photo);
  await form.locator('[type=submit]').click();
  await page.locator(`.timeline [data-step=${step}]`).nth(before).waitFor();
}
