// Shows an evaluator's pages while there is no connection. It keeps the last whole answer
// of each that the server marks for keeping, and asks the server first whenever it can.
const common = 'manyi-evaluate';
const files = ['/static/console.css', '/static/evaluate.js', '/static/held.js', '/static/interviews.js', '/static/icon.svg'];
const prefix = 'manyi-evaluate/'; // of one account's copies; the page's script knows it too
const pages = /^\/console\/(interviews|evaluate(\/[^/]+)?)\/?$/;
const patience = 8000; // ms, if there is a copy
const longest = 12 * 60 * 60_000; // as a session

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(common).then((kept) => kept.addAll(files.map((file) => new Request(file, { cache: 'reload' })))));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  if (files.includes(pathname)) event.respondWith(file(pathname));
  else if (pathname === '/console/evaluate/forget') event.respondWith(forget().then(() => Response.redirect('/console', 303)));
  else if (pages.test(pathname)) event.respondWith(page(request.url));
});

// A page's script names what has to be kept: the first page came before there was a worker.
self.addEventListener('message', (event) => event.waitUntil((async () => {
  const { keep: [own, ...others], anew } = event.data;
  if (anew || !await copyOf(own)) await page(own);
  for (const url of others) if (!await copyOf(url)) await page(url);
  if (await copyOf(own)) event.source.postMessage('kept');
})()));

async function file(name) {
  const kept = await caches.open(common);
  try {
    const fresh = await fetch(name, { cache: 'no-cache', signal: AbortSignal.timeout(patience) });
    if (fresh.ok) await kept.put(name, fresh.clone());
    if (fresh.status < 500) return fresh;
  } catch { /* no connection */ }
  return await kept.match(name) ?? Response.error();
}

async function page(url) {
  const before = forgotten;
  const copy = await copyOf(url);
  try {
    const fresh = await fetch(url, { cache: 'no-store', signal: copy && AbortSignal.timeout(patience) });
    if (fresh.redirected) { // to sign in
      await forget();
      return Response.redirect(fresh.url, 303);
    }
    if (fresh.status === 403) await forget();
    if (fresh.status === 404) await drop(url);
    if (fresh.ok) await keep(url, fresh, before);
    if (fresh.status < 500 || !copy) return fresh;
  } catch {
    if (!copy) return Response.error();
  }
  // The page says itself that it is a copy.
  return new Response((await copy.text()).replace(' id="copy" hidden', ' id="copy"'), { headers: copy.headers });
}

// The copies.

let forgotten = 0; // how often

// forget gives up the copies of every account. What was not sent yet is not among them.
async function forget() {
  forgotten++;
  for (const name of await caches.keys()) if (name.startsWith(prefix)) await caches.delete(name);
}

// addressOf leaves out what only changes how a page looks.
function addressOf(url) {
  const { pathname, searchParams } = new URL(url, self.location.origin);
  return `${pathname}?${new URLSearchParams({ survey: searchParams.get('survey') ?? '' })}`;
}

// copyOf returns the copy of a page, if there is one that may still be shown.
async function copyOf(url) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(prefix)) continue;
    const copy = await (await caches.open(name)).match(addressOf(url));
    if (!copy) continue;
    if (Math.abs(Date.now() - Number(copy.headers.get('kept-at'))) < longest) return copy;
    await forget();
  }
}

async function drop(url) {
  for (const name of await caches.keys()) if (name.startsWith(prefix)) await (await caches.open(name)).delete(addressOf(url));
}

// keep makes an answer the page's copy, if the server wants it kept. There is never more
// than one account's: whoever's page comes is who is signed in.
async function keep(url, fresh, before) {
  const whose = fresh.headers.get('manyi-keep');
  if (!whose) return;
  const body = await fresh.clone().blob(); // whole, or it is none
  const headers = new Headers(fresh.headers);
  headers.set('kept-at', Date.now());
  for (const name of await caches.keys()) if (name.startsWith(prefix) && name !== prefix + whose) await caches.delete(name);
  try {
    await (await caches.open(prefix + whose)).put(addressOf(url), new Response(body, { headers }));
  } catch { // the device is full; an older copy would lack what the page believes is in it
    await drop(url);
  }
  if (forgotten !== before) await forget(); // somebody signed out since it was asked for
}
