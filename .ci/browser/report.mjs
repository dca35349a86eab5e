// The report of a publication, as it is read and as it is printed.
import assert from 'node:assert/strict';
import { signIn } from './signin.mjs';
import { tour } from './tour.mjs';

const desk = { viewport: { width: 1280, height: 800 } };
const mm = 72 / 25.4; // in points, as a PDF measures

export default async function report({ told, check, visit, shot }) {
  const at = (path) => told.base + path;
  let address;
  const storageState = await visit(desk, async (page) => {
    await signIn(page, at, told.user, told.password);
    await page.goto(at('/console/publications'));
    address = await page.locator('tr[data-publication] a[href$="/report.html"]').first().getAttribute('href');
    return page.context().storageState();
  });
  const open = (page) => page.goto(at(address));

  await check('a report on paper: A4, every row whole, the head of the table on each of its pages', () => visit({ ...desk, storageState }, async (page) => {
    await open(page);
    await page.locator('.sample').waitFor();
    const rows = await page.locator('.wide table tbody tr').count();
    assert(rows > 10, `${rows} rows`);
    assert.equal(await page.locator('.wide table tbody tr:has(td.n:nth-child(3))').count(), await page.locator('section').count(), 'a sheet for each unit with figures');
    assert.equal(await page.locator('figure circle').count(), await page.locator('figure g text').count());
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: Math.round(186 / 25.4 * 96), height: 1000 }); // what A4 leaves between its margins
    const [wide, paper] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(wide <= paper, `it is ${wide} px wide on ${paper} px`);
    const cut = await page.locator('th, td, dd').evaluateAll((all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText));
    assert.deepEqual(cut, [], 'wider than their cell');
    await shot(page, 'report-print');
    assert.equal(await page.locator('.wide table thead').evaluate((e) => getComputedStyle(e).display), 'table-header-group');
    for (const whole of ['section', 'figure', '.wide table tr']) assert.equal(await page.locator(whole).first().evaluate((e) => getComputedStyle(e).breakInside), 'avoid', whole);
    const pdf = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
    const boxes = [...pdf.matchAll(/\/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]/g)].map(([, w, h]) => [Number(w), Number(h)]);
    assert(boxes.length > 1, `${boxes.length} pages`);
    for (const [w, h] of boxes) assert(Math.abs(w - 210 * mm) < 2 && Math.abs(h - 297 * mm) < 2, `a page of ${w} × ${h} pt`);
    return `${boxes.length} pages`;
  }));

  await tour({ check, visit, shot }, { ...desk, storageState }, { report: open });
  await tour({ check, visit, shot }, { viewport: { width: 360, height: 740 }, storageState }, { 'report on a phone': open });
}
