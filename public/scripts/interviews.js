// The page of an evaluator who interviews people. Each interview is kept on the device
// first, under a key of its own, and is gone from there once the server acknowledges that
// key; the server counts a key once. Without this script it is an ordinary form.
import { drop, find, keep, keepPage, newKey, outbox, page, post, reasons, word } from './held.js';

const { user, survey } = page.dataset;
const owner = JSON.stringify([user, survey, 'interviews']); // who else uses the phone sends nothing of it
const form = find('interview'); // none, if no bureau is given any more
const fault = find('fault');
const { held, send, showHeld } = outbox(owner, deal);

// tell says what became of the interview that was entered last.
function tell(name, receipt = '') {
  find('state').hidden = !name;
  find('state').replaceChildren(...(name ? word(name) : []), ` ${receipt}`);
}

// Entering.

let saving = false;
let begun = false; // the form holds something of the next interview
let entered; // key of the interview entered last
let mending; // key of the refused one that is in the form

// clear makes the form ready for the next one, who is asked in the same place.
function clear() {
  const { mode, window: at } = form.elements;
  const same = [mode.value, at.value];
  form.reset();
  [mode.value, at.value] = same;
  for (const group of form.querySelectorAll('details')) group.open = false;
  begun = false;
  mending = undefined;
  fault.hidden = true;
}

form?.addEventListener('input', () => {
  begun = true;
  if (!mending) tell();
});
form?.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (saving) return; // a second tap
  saving = true;
  const fields = [...new FormData(form)].filter(([name]) => !['csrf', 'form_key'].includes(name));
  const entry = { key: newKey(), owner, fields };
  try {
    await keep(entry);
    if (mending) await drop(mending); // it is put right by this
  } catch {
    tell('disk');
    saving = false;
    return;
  }
  entered = entry.key;
  clear();
  saving = false;
  tell('kept');
  page.scrollIntoView();
  await show();
  send();
});

// fill puts a refused interview into the form, with why it was refused.
function fill(entry) {
  form.reset();
  for (const control of form.elements) {
    const values = entry.fields.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === 'checkbox' || control.type === 'radio') control.checked = values.includes(control.value);
    else if (values.length) [control.value] = values;
  }
  for (const group of form.querySelectorAll('details')) group.open = group.querySelector(':checked') !== null;
  mending = entry.key;
  begun = true;
  fault.textContent = reasons(entry.refused);
  fault.hidden = false;
  fault.focus();
  tell();
}

// Sending.

// deal reports whether the server dealt with an interview. What it took leaves the device.
async function deal(entry) {
  const said = await post(entry);
  if (!said) return false;
  if (said.stored) {
    await drop(entry.key);
    if (entry.key === entered) tell('done', said.receipt);
    return true;
  }
  const refused = { ...entry, refused: said.refused };
  await keep(refused);
  if (entry.key === entered && form && !begun) fill(refused); // nobody else was asked yet
  await showRefused();
  return true;
}

// showRefused lists what was not taken: when, where and why, not what was answered.
async function showRefused() {
  const refused = (await held().catch(() => [])).filter((e) => e.refused);
  find('refused').hidden = !refused.length;
  find('refused-list').replaceChildren(...refused.map((entry) => {
    const row = find('refused-one').content.cloneNode(true);
    const [, code] = entry.fields.find(([name]) => name === 'window');
    const option = [...form?.elements.window.options ?? []].find((o) => o.value === code);
    row.querySelector('[data-when]').textContent = new Date(parseInt(entry.key.slice(0, 12), 16)).toLocaleString('zh-CN');
    row.querySelector('[data-window]').textContent = option?.text ?? code;
    row.querySelector('[data-why]').textContent = reasons(entry.refused);
    const mend = row.querySelector('[data-mend]');
    mend.hidden = !form;
    mend.addEventListener('click', () => fill(entry));
    row.querySelector('[data-discard]').addEventListener('click', async () => {
      if (mending === entry.key) clear();
      await drop(entry.key);
      await showRefused();
    });
    return row;
  }));
}

async function show() {
  await showRefused();
  return showHeld();
}

await show();
send();
navigator.storage?.persist?.();
keepPage().catch(() => {}); // it works on while it is open
