// Shows the page of a tablet while there is no connection. It keeps the last whole
// answers of this folder, and asks the server first whenever it can.
const name = 'manyi-kiosk';
const files = ['/kiosk/rate', '/static/kiosk.css', '/static/kiosk.js', '/static/icon.svg'];
const patience = 5000; // ms

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(name).then((kept) => kept.addAll(files.map((file) => new Request(file, { cache: 'reload' })))));
});

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method === 'GET' && origin === self.location.origin && files.includes(pathname)) event.respondWith(answer(pathname));
});

async function answer(file) {
  const kept = await caches.open(name);
  try {
    const fresh = await fetch(file, { cache: 'no-cache', redirect: 'error', signal: AbortSignal.timeout(patience) });
    if (fresh.ok) await kept.put(file, fresh.clone());
    if (fresh.status < 500) return fresh; // also that the tablet was taken out of use, or the survey is over
  } catch { /* no connection */ }
  return await kept.match(file) ?? Response.error();
}
