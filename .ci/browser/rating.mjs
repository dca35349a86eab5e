// How a citizen rates, and what is stored of it.
import assert from 'node:assert/strict';

// Levels by the id of their button, best first.
export const level = { best: 'l1', good: 'l2', fair: 'l3', bad: 'l4', worst: 'l5' };

// pick chooses a level the way the device is used.
export async function pick(page, id, touch) {
  const button = page.locator(`label[for=${id}]`);
  await (touch ? button.tap() : button.click());
  assert(await page.locator(`#${id}`).isChecked(), `the level ${id} was not chosen`);
}

export const send = (page, touch) => touch ? page.locator('#rate [type=submit]').tap() : page.locator('#rate [type=submit]').click();

// receipt waits for the page that confirms a rating.
export async function receipt(page) {
  const number = await page.locator('[data-receipt]').getAttribute('data-receipt');
  assert.match(number, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
  return number;
}

// stored lists the responses at a window that a filter picks, as the API gives them.
export async function stored(told, window, filter) {
  const answer = await fetch(`${told.base}/api/v1/responses?format=json&within=${window}`, { headers: { Authorization: `Bearer ${told.token}` } });
  assert.equal(answer.status, 200);
  const { rows } = await answer.json();
  assert(rows.length > 0 && rows.every((row) => row.window === window), 'responses of the window only');
  return rows.filter(filter);
}

export const said = (comment) => (row) => row.comment === comment;
