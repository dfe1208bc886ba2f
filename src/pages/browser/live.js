// What the pages do beyond links and forms. Everything works without it, but does not stay up to date by itself.
//
// The server says which certificates have changed, never what has. A part of the page that is about one of them is read
// again and merged, so that focus, selection, open details and ticked boxes stay. All tabs of a browser share one
// connection, because it has six to a server: the tab that holds the lock listens and tells the others. A hidden tab
// neither listens nor reads.

const { sequence = '', build } = document.body.dataset;
/** The last change that this page knows: the life of the process that counted it, and its number. */
let [life, known] = changeOf(sequence);

/** Reads `<life>.<number>`. */
function changeOf(text) {
  const at = text.lastIndexOf('.');
  return [text.slice(0, Math.max(0, at)), at < 0 ? Number.NaN : Number(text.slice(at + 1))];
}

/**
 * A page about one certificate is read at most twice a second. One about all is read less often, and not by all readers
 * at once, because in a large fleet something changes all the time.
 */
const pauseMs = document.querySelector('[data-live=""]') ? 2000 + 1000 * Math.random() : 500;
/** So that `5 minutes ago` stays true. */
const ageMs = 60_000;

const state = document.getElementById('live-state');
let isLost = false;
let isOut = false;
function setLost(lost) {
  if (isLost === lost || isOut) return;
  isLost = lost;
  state.textContent = lost ? state.dataset.lost : '';
  if (lost) setTimeout(askWhy, 1000);
}

let isTyped = false;
document.addEventListener('input', ({ target }) => {
  isTyped ||= Boolean(target.closest('form[method="post"]'));
});

/** The server answers, but does not know the reader any longer. A person who has typed decides when to leave. */
function setOut() {
  if (isOut) return;
  isOut = true;
  // What was sent and is wrong was typed, too.
  if (!isTyped && !document.querySelector('[aria-invalid="true"]'))
    return location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  const link = document.createElement('a');
  link.href = '/login?unsent=yes';
  link.textContent = state.dataset.login;
  state.replaceChildren(state.dataset.out, ' ', link);
}

/** Who is logged in is led on from the login. */
const isLoggedOut = () =>
  fetch('/login', { method: 'HEAD', redirect: 'manual' }).then(
    ({ ok }) => ok,
    () => false,
  );

/** Each tab asks for itself, because the one that listens may have left. */
async function askWhy() {
  if (!isLost || isOut) return;
  if (await isLoggedOut()) setOut();
  else setTimeout(askWhy, 5000);
}

let readAt = Date.now();
let timer;
const wanted = new Set();

/** Reads again what is about these certificates, or everything. */
function refresh(names) {
  for (const part of document.querySelectorAll('[data-live]'))
    if (!names || part.dataset.live === '' || names.includes(part.dataset.live)) wanted.add(part.id);
  if (wanted.size > 0 && timer === undefined) timer = setTimeout(read, Math.max(0, readAt + pauseMs - Date.now()));
}

function read() {
  timer = undefined;
  // The tab reads everything once it is seen again.
  if (document.hidden) return wanted.clear();
  readAt = Date.now();
  const parts = [...wanted];
  wanted.clear();
  for (const id of parts) document.getElementById(id)?.dispatchEvent(new CustomEvent('fleet'));
}

function onNews({ at, names, build: other }) {
  if (other !== undefined && other !== build) return reload();
  if (at === undefined) return;
  const [now, id] = changeOf(at);
  // A process that began anew counts anew, so nothing is known of what has changed meanwhile.
  const isAnother = now !== life;
  if (!isAnother && id <= known) return;
  [life, known] = [now, id];
  refresh(isAnother ? undefined : names);
}

/** Another version of certfleet answers. A person who types is not disturbed. */
function reload() {
  if (!document.activeElement?.matches('input, select, textarea')) location.reload();
}

let source;
let retry;
let retryMs = 1000;

const channel = 'BroadcastChannel' in window ? new BroadcastChannel('certfleet') : undefined;
channel?.addEventListener('message', ({ data }) => {
  if (data.ask) {
    if (source) channel.postMessage({ at: `${life}.${known}`, isLost });
  } else if (!document.hidden) {
    if (data.isLost !== undefined) setLost(data.isLost);
    onNews(data);
  }
});

function tell(news) {
  onNews(news);
  channel?.postMessage(news);
}

function listen() {
  source = new EventSource(`/events?since=${life}.${known}`);
  source.addEventListener('open', () => {
    retryMs = 1000;
    isOut = false;
    setLost(false);
    channel?.postMessage({ isLost: false });
  });
  source.addEventListener('changed', ({ data, lastEventId }) => {
    tell({ at: lastEventId, names: JSON.parse(data) });
  });
  // The server does not know all that has changed since, or counts anew: everything is read again.
  source.addEventListener('gap', ({ lastEventId }) => {
    known = -1;
    tell({ at: lastEventId });
  });
  source.addEventListener('build', ({ data }) => tell({ build: data }));
  source.addEventListener('error', () => {
    setLost(true);
    channel?.postMessage({ isLost: true });
    // The browser tries again by itself, unless the answer was a refusal, as after a log-out.
    if (source?.readyState !== EventSource.CLOSED) return;
    retry = setTimeout(() => {
      listen();
      refresh();
    }, retryMs);
    retryMs = Math.min(60_000, 2 * retryMs);
  });
}

let leaving;

function join() {
  if (leaving || Number.isNaN(known)) return;
  leaving = new AbortController();
  const { signal } = leaving;
  if (!navigator.locks || !channel) return listen();
  channel.postMessage({ ask: true });
  const hold = () => {
    if (signal.aborted) return undefined;
    listen();
    return new Promise((release) => signal.addEventListener('abort', release));
  };
  navigator.locks.request('certfleet', { signal }, hold).catch(() => {});
}

function leave() {
  leaving?.abort();
  leaving = undefined;
  clearTimeout(retry);
  source?.close();
  source = undefined;
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) return leave();
  join();
  refresh();
});
addEventListener('pagehide', leave);
addEventListener('pageshow', (event) => {
  if (!event.persisted || document.hidden) return;
  join();
  refresh();
});
setInterval(() => {
  if (!document.hidden && Date.now() - readAt >= ageMs) refresh();
}, ageMs / 4);
if (!document.hidden) join();

// A part that cannot be read stays as it was. After a log-out, a part for refusals says that, or else the page does.
document.addEventListener('htmx:before:swap', (event) => {
  const { ctx } = event.detail;
  const raw = ctx?.response?.raw;
  if (!raw || !ctx.select) return;
  if (!raw.redirected && ctx.text?.includes(`id="${ctx.select.slice(1)}"`)) return;
  event.preventDefault();
  if (raw.redirected || raw.status === 401) setOut();
});

/** One box that ticks all. Without scripts there is none. */
function offerAll() {
  for (const all of document.querySelectorAll('[data-all]')) all.hidden = false;
}
document.addEventListener('htmx:after:swap', offerAll);
document.addEventListener('change', ({ target }) => {
  if (!target.matches('[data-all]')) return;
  for (const box of target.form.querySelectorAll('input[name="name"]')) box.checked = target.checked;
});
offerAll();

// A look that takes long says so, until there is an answer or none will come.
const busyIn = (target) => (target.dataset?.busy ? target : target.querySelector?.('[data-busy]'));
document.addEventListener('htmx:before:request', ({ target }) => {
  const shown = busyIn(target);
  if (!shown) return;
  shown.dataset.idle = shown.textContent;
  shown.setAttribute('aria-busy', 'true');
  shown.textContent = shown.dataset.busy;
});
document.addEventListener('htmx:finally:request', ({ target }) => {
  const shown = busyIn(target);
  if (shown?.dataset.idle === undefined) return;
  shown.removeAttribute('aria-busy');
  shown.textContent = shown.dataset.idle;
});

// The server tells times in the zone of the browser.
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
if (timeZone && !document.cookie.split('; ').includes(`zone=${timeZone}`)) {
  const secure = location.protocol === 'https:' ? '; secure' : '';
  // biome-ignore lint/suspicious/noDocumentCookie: not every browser has a Cookie Store, and none has it without HTTPS.
  document.cookie = `zone=${timeZone}; path=/; max-age=31536000; samesite=lax${secure}`;
  if (document.cookie.includes('zone=')) refresh();
}

/** The address is that of what is shown: with the filters, and without a notice that is told once. */
function keepAddress() {
  const shown = document.querySelector('[data-live]')?.getAttribute('hx-get');
  if (shown && shown !== location.pathname + location.search) history.replaceState(history.state, '', shown);
}
document.addEventListener('htmx:after:swap', keepAddress);
keepAddress();

// The links to another language and other colours were made with the page, before a person typed.
document.addEventListener('click', ({ target }) => {
  const link = target.closest('.switch a');
  if (!link) return;
  const to = new URL(location.href);
  const [[name, value]] = [...new URL(link.href).searchParams].slice(-1);
  to.searchParams.set(name, value);
  link.href = to;
});
