// The page of an evaluator on site. What is entered is kept on the device first, under
// a key of its own, and sent until the server acknowledges that key; the server counts
// a key once. Without this script every item is an ordinary form.
import { copies, drop, find, forget, keep, keepPage, newKey, outbox, page, post, reasons, word } from './held.js';

const { user, survey, bureau } = page.dataset;
const owner = JSON.stringify([user, survey, bureau]); // who else uses the phone sends nothing of it
const { held, send, showHeld } = outbox(owner, sendOne);

// Beside the copy of the page lies what the server took since, and goes with it.

const beside = `/console/evaluate/${bureau}/sent/`;
const shown = Number(page.dataset.entries); // how many entries the page knows of
const copy = async () => (self.caches && await caches.has(copies) ? caches.open(copies) : undefined);

async function keepSent({ key, item, fields }, { entries, answered }) {
  const kept = await copy();
  await kept?.put(beside + key, new Response(JSON.stringify({ key, owner, item, fields, entries, answered }))).catch(forget); // better none than one that lacks something
}

// sent is what the server took and the page does not show. What a page shows that was
// kept shows in its copy too, and is dropped.
async function sent() {
  const kept = await copy();
  const list = [];
  for (const request of await kept?.keys() ?? []) {
    if (!new URL(request.url).pathname.startsWith(beside)) continue;
    const entry = await (await kept.match(request)).json();
    if (entry.owner !== owner) continue;
    if (entry.entries > shown) list.push(entry);
    else if ('kept' in page.dataset) await kept.delete(request);
  }
  return list;
}

// Entering.

const itemOf = (number) => page.querySelector(`[data-item="${CSS.escape(number)}"]`);

function tell(section, name) {
  section?.querySelector('[data-state]')?.replaceChildren(...(name ? word(name) : []));
}

// showRefused shows at an item why an entry was not taken; without reasons, nothing.
function showRefused(section, refused) {
  const place = section?.querySelector('[data-fault]');
  if (!place) return;
  place.hidden = !refused;
  place.textContent = reasons(refused);
}

// enter keeps what a form said, and sends it, once a finding is chosen, every value is
// there, or somebody asks to save. Photos go once: the field is emptied, so they are
// read when it is their turn.
async function enter(form, data, asked) {
  const section = form.closest('[data-item]');
  const values = data.filter(([name]) => name.startsWith('value')).map(([, v]) => v.trim());
  if (!data.some(([name]) => name === 'finding') && !asked && !(values.length && values.every(Boolean))) return; // nothing is said yet
  const files = form.elements.photos;
  const photos = [...files.files];
  const fields = data.filter(([name]) => !['csrf', 'key', 'photos'].includes(name));
  const entry = { key: newKey(), owner, item: section.dataset.item, fields, photos };
  try {
    await keep(entry);
  } catch {
    tell(section, 'disk');
    return;
  }
  await showHeld(); // from now on not everything is saved
  if (photos.length) files.value = '';
  for (const old of await held()) { // what was refused before is put right by this
    if (old.item === entry.item && old.refused && old.key < entry.key) {
      await drop(old.key);
    }
  }
  showRefused(section);
  tell(section, 'kept');
  send();
}

// One after the other, so that what was entered last has the last key; each as it was
// said, also where the device is slow and the form says something else by then.
let entering = Promise.resolve();
function queue(form, asked) {
  const data = [...new FormData(form)];
  entering = entering.then(() => enter(form, data, asked));
}

for (const form of page.querySelectorAll('[data-item] form')) {
  form.addEventListener('change', () => queue(form));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    queue(form, true);
  });
}

// Sending.

// sendOne reports whether the server dealt with an entry.
async function sendOne(entry) {
  const said = await post(entry);
  if (!said) return false;
  const section = itemOf(entry.item);
  if (said.stored) {
    await keepSent(entry, said);
    await drop(entry.key);
    section?.setAttribute('data-answered', '');
    find('answered').textContent = said.answered;
    if (!(await held()).some((e) => e.item === entry.item)) {
      for (const radio of section?.querySelectorAll('[name=finding]') ?? []) radio.checked = radio.value === said.finding;
      tell(section, 'saved');
    }
    return true;
  }
  await keep({ ...entry, refused: said.refused });
  tell(section);
  showRefused(section, said.refused);
  return true;
}

// What is on the device and not in the page, as after a reload, is shown where it was entered.
async function restore() {
  const entries = [...await sent().catch(() => []), ...await held()].sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
  for (const entry of entries) {
    const section = itemOf(entry.item);
    const form = section?.querySelector('form');
    if (!form) continue;
    for (const [name, value] of entry.fields) {
      if (name === 'finding') {
        for (const radio of form.querySelectorAll('[name=finding]')) radio.checked = radio.value === value;
      } else if (name === 'note' || name.startsWith('value')) {
        form.elements[name].value = value;
      }
    }
    if (entry.entries) {
      section.setAttribute('data-answered', '');
      find('answered').textContent = entry.answered;
      tell(section, 'saved');
      continue;
    }
    tell(section, entry.refused ? '' : 'kept');
    showRefused(section, entry.refused);
  }
}

// Submitting locks, so it waits until everything has arrived.
let letGo = false;
find('submit')?.addEventListener('submit', async (event) => {
  if (letGo) return;
  event.preventDefault();
  await entering;
  await send();
  const left = (await held()).length;
  const wait = find('submit-wait');
  wait.hidden = !left;
  wait.replaceChildren(...(left ? word('wait') : []));
  if (!left) {
    letGo = true;
    event.target.submit();
  }
});

await restore();
await showHeld();
send();
navigator.storage?.persist?.();
keepPage().catch(() => {}); // it works on while it is open
