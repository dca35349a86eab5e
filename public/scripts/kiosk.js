// The page of a hall tablet. An answer is kept on the device first, with an id of its
// own, and sent until the server acknowledges that id; the server counts an id once.
const find = (id) => document.getElementById(id);
const setting = (name) => Number(document.body.dataset[name]) * 1000; // seconds in the page, ms here
const pause = setting('pause'); // between two citizens
const thanksFor = 6000;
const idleAfter = 60_000; // an unfinished answer is dropped, so that the next person does not find it
const idleWarning = 20_000;
const retryFirst = 5000;
const retryMost = 60_000;
const sendWithin = 20_000;
const renewEvery = 60 * 60_000; // the page asks for its newest version, if nobody is there

// The store on the device.

const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open('manyi-kiosk', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('answers', { keyPath: 'id' });
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

// store runs one request on the answers; it is over when it is safe on the disk.
async function store(mode, use) {
  const db = await opened;
  return new Promise((resolve, reject) => {
    const tx = db.transaction('answers', mode, { durability: 'strict' });
    const request = use(tx.objectStore('answers'));
    tx.oncomplete = () => resolve(request.result);
    tx.onerror = tx.onabort = () => reject(tx.error);
  });
}
const keep = (answer) => store('readwrite', (s) => s.put(answer));
const drop = (id) => store('readwrite', (s) => s.delete(id));
const held = () => store('readonly', (s) => s.getAll()); // by id, which begins with the time

// newID is the time in 6 bytes and 8 random bytes, in hexadecimal digits.
function newID() {
  const random = crypto.getRandomValues(new Uint8Array(8));
  return Date.now().toString(16).padStart(12, '0') + [...random].map((b) => b.toString(16).padStart(2, '0')).join('');
}

// Sending.

let sending = false;
let retryIn = retryFirst;
let retryTimer;

async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(retryTimer);
  let reached = true;
  try {
    for (const answer of (await held()).filter((a) => !a.refused)) {
      reached = await sendOne(answer);
      if (!reached) break;
    }
  } catch {
    reached = false;
  }
  sending = false;
  retryIn = reached ? retryFirst : Math.min(2 * retryIn, retryMost);
  const waiting = await showHeld();
  if (waiting) retryTimer = setTimeout(send, reached ? 0 : retryIn);
}

// sendOne reports whether the server dealt with an answer. Only its own word with the
// answer's id counts: a network's sign-in page says 200 as well.
async function sendOne(answer) {
  const response = await fetch('/kiosk/rate', {
    method: 'POST', body: new URLSearchParams(answer.fields), redirect: 'error', signal: AbortSignal.timeout(sendWithin),
  });
  find('out').hidden = response.status !== 401 && response.status !== 403;
  const said = await response.json().catch(() => ({}));
  if (said.id !== answer.id) return false;
  if (said.stored) {
    await drop(answer.id);
    return true;
  }
  if (!said.refused) return false;
  await keep({ ...answer, refused: said.refused });
  return true;
}

// showHeld tells staff what waits on the device and what was refused: when and where,
// never what was chosen. It returns how many wait.
async function showHeld() {
  const answers = await held().catch(() => []);
  const refused = answers.filter((a) => a.refused);
  const waiting = answers.length - refused.length;
  find('waiting').hidden = !waiting;
  find('waiting-n').textContent = waiting;
  find('refused').hidden = !refused.length;
  find('refused-n').textContent = refused.length;
  find('refused-list').replaceChildren(...refused.map((a) => {
    const row = document.createElement('li');
    const why = document.querySelector(`[data-why="${CSS.escape(a.refused)}"]`) ?? find('why-other');
    row.append(`${new Date(parseInt(a.id.slice(0, 12), 16)).toLocaleString('zh-CN')} · ${a.fields.find(([n]) => n === 'window')[1]} · `,
      ...why.cloneNode(true).childNodes);
    return row;
  }));
  return waiting;
}

find('again').addEventListener('click', async () => {
  for (const { refused, ...answer } of await held()) if (refused) await keep(answer);
  send();
});

// The screens.

const screens = ['windows', 'levels', 'reasons', 'thanks'].map(find);
const form = find('form');
const several = document.querySelectorAll('#windows [data-window]').length > 1;
let chosen = {};
let thanksTimer;
let lastTouch = Date.now();

function show(id) {
  for (const screen of screens) screen.hidden = screen.id !== id;
  lastTouch = Date.now();
  find('idle').hidden = true;
  find(id).querySelector('h2').focus();
  scrollTo(0, 0);
}

// start is what the next person finds: nothing of the one before.
function start() {
  clearTimeout(thanksTimer);
  form.reset();
  find('missing').hidden = true;
  find('failed').hidden = true;
  chosen = {};
  if (several) return show('windows');
  choose(document.querySelector('#windows [data-window]'));
}

function choose(button) {
  chosen = { window: button.dataset.window };
  find('where').textContent = button.dataset.name;
  show('levels');
}

async function finish(level, reasons, comment) {
  if (chosen.busy) return; // a second tap on the same answer
  chosen.busy = true;
  const id = newID();
  const fields = [['id', id], ['window', chosen.window], ['survey', document.body.dataset.survey], ['level', level],
    ...reasons.map((code) => ['reason', code]), ['comment', comment]];
  try {
    await keep({ id, fields });
  } catch {
    chosen.busy = false;
    find('failed').hidden = false;
    return;
  }
  localStorage.setItem('next', Date.now() + pause);
  start();
  show('thanks');
  thanksTimer = setTimeout(start, thanksFor);
  send();
}

for (const button of document.querySelectorAll('#windows [data-window]')) button.addEventListener('click', () => choose(button));
for (const button of document.querySelectorAll('[data-level]')) {
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-disabled') === 'true' || chosen.busy) return;
    const { level } = button.dataset;
    const reasons = document.querySelector(`[data-reasons="${level}"]`);
    if (!('bad' in button.dataset)) return finish(level, [], '');
    chosen.level = level;
    for (const group of document.querySelectorAll('[data-reasons]')) group.hidden = group !== reasons;
    show('reasons');
  });
}
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const given = new FormData(form);
  const group = document.querySelector(`[data-reasons="${chosen.level}"]`);
  const reasons = [...group?.querySelectorAll('input:checked') ?? []].map((box) => box.value);
  const comment = given.get('comment').trim();
  find('missing').hidden = reasons.length > 0 || comment !== '';
  if (find('missing').hidden) finish(chosen.level, reasons, comment);
  else find('missing').focus();
});
for (const button of document.querySelectorAll('[data-start]')) button.addEventListener('click', start);

// tick keeps the counts that show: until the next person may rate, and until an
// unfinished answer is dropped. A clock that was set back locks nobody out for long.
function tick() {
  const next = Math.min(Number(localStorage.getItem('next') ?? 0), Date.now() + pause);
  const wait = Math.max(0, Math.ceil((next - Date.now()) / 1000));
  find('wait').hidden = wait === 0;
  find('wait-n').textContent = wait;
  for (const button of document.querySelectorAll('[data-level]')) button.setAttribute('aria-disabled', String(wait > 0));

  const unfinished = !find('reasons').hidden || several && !find('levels').hidden;
  const idle = Date.now() - lastTouch;
  find('idle').hidden = !unfinished || idle < idleAfter - idleWarning;
  find('idle-n').textContent = Math.max(0, Math.ceil((idleAfter - idle) / 1000));
  if (unfinished && idle >= idleAfter) start();
}
for (const touch of ['pointerdown', 'keydown', 'input']) addEventListener(touch, () => { lastTouch = Date.now(); }, true);

async function renew() {
  if (Date.now() - lastTouch < idleAfter) return;
  const there = await fetch('/kiosk/rate', { redirect: 'error' }).catch(() => null);
  if (there) location.reload();
}

start();
tick();
setInterval(tick, 250);
setInterval(renew, renewEvery);
addEventListener('online', send);
send();
navigator.storage?.persist?.();
if (navigator.serviceWorker) navigator.serviceWorker.register('/kiosk/worker.js').catch(() => { find('no-reload').hidden = false; });
else find('no-reload').hidden = false;
