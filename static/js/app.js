// What HTML and htmx cannot say. Every text shown comes from the server, in its language, in a data attribute.
'use strict';

const on = (type, handle, capture = false) => document.addEventListener(type, handle, capture);

// A message that stays until it is closed or the next request begins; role=alert reads it out.
const messages = document.getElementById('aviso');
let messageCause = null;

function warn(text) {
  const close = document.createElement('button');
  close.type = 'button';
  close.textContent = '×';
  close.setAttribute('aria-label', messages.dataset.close);
  close.addEventListener('click', () => { messages.replaceChildren(); messageCause?.focus(); });
  messageCause = document.activeElement;
  messages.replaceChildren(text, close);
}

// htmx 4 prevents ctrl-, cmd- and shift-click on the links it drives: keep such clicks from it.
on('click', event => {
  if ((event.ctrlKey || event.metaKey || event.shiftKey) && event.target.closest('a[href]')) event.stopPropagation();
}, true);

// Only an answer that is about this part of the page (422, 409) replaces it; other refusals are said in words.
on('htmx:before:swap', event => {
  const { response, text, swap } = event.detail.ctx;
  if (!response || response.status < 400) return;
  const partial = response.status === 422 || response.status === 409;
  if (!partial) event.preventDefault();
  if (response.status >= 500) return warn(messages.dataset.server);
  if (partial && swap !== 'none') return;
  const answer = new DOMParser().parseFromString(text, 'text/html');
  warn(answer.querySelector('#live')?.textContent.trim() || answer.querySelector('h1')?.textContent || messages.dataset.server);
});
on('htmx:error', event => {
  if (event.detail.ctx) warn(event.detail.error === 'timeout' ? messages.dataset.timeout : messages.dataset.offline);
});

// The part that waits is marked busy; what has focus is remembered, because its row may be gone afterwards.
const waiting = new Map();
on('htmx:before:request', event => {
  const target = event.detail.ctx.target;
  messages.replaceChildren();
  waiting.set(event.detail.ctx, target);
  target?.setAttribute?.('aria-busy', 'true');
});
on('htmx:finally:request', event => {
  waiting.get(event.detail.ctx)?.removeAttribute?.('aria-busy');
  waiting.delete(event.detail.ctx);
});
on('htmx:after:swap', event => {
  const { sourceElement, target, select, response } = event.detail.ctx;
  if (sourceElement?.matches?.('.add') && response?.status < 400) tick(sourceElement.querySelector('path'));
  if (document.activeElement !== document.body) return;
  const part = target?.isConnected ? target : select && document.querySelector(select);
  const heading = part?.querySelector?.('[tabindex="-1"]') ?? document.querySelector('h1[tabindex="-1"]');
  heading?.focus();
});

// The plus of the button becomes a check mark of the same size, so nothing moves.
function tick(drawing) {
  drawing?.setAttribute('d', 'm5 12.5 4.6 4.6L19.5 7');
}

// Back may show a kept copy: private pages are asked for again, on others only the count of the cart is.
addEventListener('pageshow', event => {
  if (!event.persisted) return;
  if ('personal' in document.documentElement.dataset) return location.reload();
  const part = '#cart-count';
  htmx.ajax('GET', location.href, { target: part, select: part, swap: 'outerHTML' });
});

// The page of a product that the browser fetched ahead is looked at only now.
if (performance.getEntriesByType('navigation')[0].deliveryType === 'navigational-prefetch' && document.querySelector('.product-page')) fetch(location.href);

on('click', event => {
  const button = event.target.closest('button');
  if (button?.name === 'paso' && button.parentElement.matches('.stepper')) step(button, event);
  if (button && 'prints' in button.dataset) print();
  if (button?.dataset.reveals) reveal(button, button.getAttribute('aria-pressed') === 'false');
});

function step(button, event) {
  const input = button.parentElement.querySelector('input');
  const { minimum, maximum } = input.dataset;
  const wanted = (parseInt(input.value, 10) || 0) + Number(button.value);
  event.preventDefault();
  input.value = Math.min(Math.max(wanted, Number(minimum)), Number(maximum));
  input.dispatchEvent(new Event('change', { bubbles: true }));
}

function reveal(button, shown) {
  document.getElementById(button.dataset.reveals).type = shown ? 'text' : 'password';
  button.setAttribute('aria-pressed', shown);
}

// A shown password would be kept by the browser's form memory.
on('submit', event => event.target.querySelectorAll('[data-reveals]').forEach(button => reveal(button, false)), true);

on('change', event => {
  const control = event.target;
  if (control.dataset.preview) preview(control);
  if (control.dataset.seconds) refresh(control);
});

// On a canvas, because the policy of the page forbids blob addresses.
async function preview(input) {
  const canvas = document.getElementById(input.dataset.preview);
  const error = document.getElementById(input.dataset.sizeError);
  const maximum = Number(input.dataset.maxBytes);
  const file = input.files[0];
  canvas.hidden = error.hidden = true;
  if (!file) return;
  if (file.size > maximum) {
    const megabytes = bytes => (bytes / 1e6).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });
    error.textContent = error.dataset.text.replace('{peso}', megabytes(file.size)).replace('{maximo}', megabytes(maximum));
    error.hidden = false;
    return;
  }
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return;
  const side = Math.min(picture.width, picture.height);
  canvas.getContext('2d').drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  canvas.hidden = false;
}

// Only while its box is ticked and the page is in view.
let refreshing;
function refresh(box) {
  clearInterval(refreshing);
  if (box.checked) refreshing = setInterval(() => document.hidden || htmx.trigger(box, 'refresh'), box.dataset.seconds * 1000);
}
