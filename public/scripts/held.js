// What an evaluator enters is held on the device until the server acknowledges it: each
// entry under a key of its own, which the server counts once. The pages that enter
// something share this, the store of what waits and the copies of the pages.
export const page = document.querySelector('main[data-keep]');
export const find = (id) => document.getElementById(id);
const retryFirst = 3000;
const retryMost = 60_000;
const sendWithin = 120_000; // with photos, on a bad network

// The store on the device.

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open('manyi-evaluate', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('entries', { keyPath: 'key' });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

// store runs one request on the entries; it is over when it is safe on the disk.
async function store(mode, use) {
  const db = await opened;
  return new Promise((resolve, reject) => {
    const tx = db.transaction('entries', mode, { durability: 'strict' });
    const request = use(tx.objectStore('entries'));
    tx.oncomplete = () => resolve(request.result);
    tx.onerror = tx.onabort = () => reject(tx.error);
  });
}
export const keep = (entry) => store('readwrite', (s) => s.put(entry));
export const drop = (key) => store('readwrite', (s) => s.delete(key));

let last = 0;

// newKey is the time in 12 hexadecimal digits, never the same twice, and 16 random ones.
export function newKey() {
  last = Math.max(Date.now(), last + 1);
  const random = crypto.getRandomValues(new Uint8Array(8));
  return last.toString(16).padStart(12, '0') + [...random].map((b) => b.toString(16).padStart(2, '0')).join('');
}

// Sending.

// outbox sends the entries of one owner, who else uses the phone sends nothing of it.
// deal deals with one entry and reports whether the server did.
export function outbox(owner, deal) {
  let sending = false;
  let again = false;
  let retryIn = retryFirst;
  let retryTimer;

  const held = async () => (await store('readonly', (s) => s.getAll())).filter((e) => e.owner === owner); // by key, which begins with the time

  async function send() {
    if (sending) {
      again = true;
      return;
    }
    sending = true;
    clearTimeout(retryTimer);
    let reached = true;
    do {
      again = false;
      try {
        for (const entry of (await held()).filter((e) => !e.refused)) {
          reached = await deal(entry);
          if (!reached) break;
        }
      } catch {
        reached = false;
      }
    } while (again && reached);
    sending = false;
    retryIn = reached ? retryFirst : Math.min(2 * retryIn, retryMost);
    if (await showHeld() && !reached) retryTimer = setTimeout(send, retryIn);
  }

  // showHeld tells how much waits on the device.
  async function showHeld() {
    const entries = await held().catch(() => []);
    const waiting = entries.filter((e) => !e.refused).length;
    find('held-some').hidden = !waiting;
    find('held-all').hidden = entries.length > 0; // what was refused is not saved
    find('held-n').textContent = waiting;
    return waiting;
  }

  addEventListener('online', () => { retryIn = retryFirst; send(); });
  return { held, send, showHeld };
}

// post sends an entry and returns what the server says of it; nothing, if that is not its
// own word with the entry's key.
export async function post(entry) {
  const body = entry.photos ? new FormData() : new URLSearchParams();
  for (const [name, value] of [['csrf', page.dataset.csrf], ['key', entry.key], ...entry.fields]) body.append(name, value);
  entry.photos?.forEach((photo, i) => body.append('photos', photo, photo.name || `${i}.jpg`));
  const response = await fetch(page.dataset.send, {
    method: 'POST', body, headers: { Accept: 'application/json' }, redirect: 'manual', signal: AbortSignal.timeout(sendWithin),
  });
  find('held-out').hidden = response.type !== 'opaqueredirect' && response.status !== 403; // signed out meanwhile
  const said = await response.json().catch(() => ({}));
  return said.key === entry.key && (said.stored || said.refused) ? said : undefined;
}

// reasons is why an entry was not taken, in words.
export const reasons = (refused) => (refused ?? []).map((r) => `${r.text.zh} ${r.text.en}`).join('; ');

// word is one of the page's words, which change with what happens.
export const word = (name) => [...document.querySelector(`#words [data-word=${name}]`).cloneNode(true).childNodes];

// The copy of the page on the device. The worker keeps it, for when there is no connection.

export const copies = `manyi-evaluate/${page.dataset.keep}`; // the worker's name for them
export const forget = async () => self.caches?.delete(copies);

export async function keepPage() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return; // not over a safe connection
  serviceWorker.addEventListener('message', () => { find('opens').hidden = false; });
  serviceWorker.startMessages();
  await serviceWorker.register('/console/evaluate/worker.js', { scope: '/console/' });
  (await serviceWorker.ready).active.postMessage({ keep: [page.dataset.page, page.dataset.list], anew: !serviceWorker.controller });
}

document.querySelector('form[action="/console/signout"]').addEventListener('submit', async (event) => {
  event.preventDefault();
  await forget(); // at once, also where the server cannot be told
  event.target.submit();
});
