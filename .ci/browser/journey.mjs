// Drives a real browser through one part of the product: node journey.mjs PART.
// What it needs to know comes as JSON in MANYI_JOURNEY; it prints one line of
// JSON a check, {"name", "ok", "detail"}, and ends with 0 if it could run them all.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const told = JSON.parse(process.env.MANYI_JOURNEY);
const browser = await chromium.launch({
  executablePath: told.chromium,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run'],
});

async function check(name, run) {
  const result = { name, ok: true, detail: '' };
  try {
    result.detail = String(await run() ?? '');
  } catch (error) {
    Object.assign(result, { ok: false, detail: error.message });
  }
  console.log(JSON.stringify(result));
}

// visit opens a page as somebody new, and fails if the browser complained about
// anything: a blocked style, a refused form, a missing file. With cut, what it says of
// requests that do not come through is left out, as the connection is cut on purpose.
async function visit({ cut, ...options }, use) {
  const context = await browser.newContext({ viewport: phone, ...options });
  context.setDefaultTimeout(60_000); // on conditions only; machines may be busy
  const complaints = [];
  context.on('console', (message) => {
    if (cut && message.text().startsWith('Failed to load resource')) return;
    const refusal = message.text().startsWith('Failed to load resource') && message.location().url === message.page()?.url();
    if (message.type() !== 'log' && !refusal) complaints.push(`${message.page()?.url()}: ${message.text()}`);
  });
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('requestfailed', (request) => {
    if (!request.isNavigationRequest() && !cut) complaints.push(`${request.url()}: ${request.failure().errorText}`);
  });
  try {
    const result = await use(await context.newPage());
    assert.deepEqual(complaints, [], 'the browser complained');
    return result;
  } finally {
    await context.close();
  }
}

const phone = { width: 360, height: 640 };

// shot keeps a picture of the page for people to look at, if they asked for it.
async function shot(page, name) {
  if (told.shots) await page.screenshot({ path: `${told.shots}/${name}.png` });
}

const part = await import(`./${process.argv[2]}.mjs`);
await part.default({ told, check, visit, shot });
await browser.close();
