/* Comparing: one pair at a time, one key a verdict, a draft on every stroke, ratings queued until the server has them.
   Nothing here knows which arm wrote what. */
"use strict";
(() => {
  const head = document.querySelector("[data-compare]");
  if (!head) return;
  const { compare, me, csrf } = head.dataset;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const list = $("[data-pairs]"), state = $("[data-state]"), problem = $("[data-problem]"), say = $("[data-say]");
  const OUTBOX = `tunewell.ratings.${me}`, DRAFT = (pair) => `tunewell.pair.${me}.${pair}`;
  let left = Number(head.dataset.left), done = Number(head.dataset.done);
  let current = null, since = 0, spent = 0, sending = false, refused = "", away = false, wait = 1000;
  const history = [], memory = [];

  // --- what is kept on this device ---
  const read = (key, other) => { try { return JSON.parse(localStorage.getItem(key)) ?? other; } catch { return other; } };
  const write = (key, value) => {
    try { localStorage.setItem(key, JSON.stringify(value)); return true; }
    catch { tell("This browser cannot store drafts: stay on this page until everything is saved."); return false; }
  };
  const outbox = () => [...read(OUTBOX, []), ...memory];
  const put = (entry) => { if (!write(OUTBOX, [...read(OUTBOX, []), entry])) memory.push(entry); };
  const drop = (key) => {
    write(OUTBOX, read(OUTBOX, []).filter((entry) => entry.key !== key));
    const at = memory.findIndex((entry) => entry.key === key);
    if (at >= 0) memory.splice(at, 1);
  };
  const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  function tell(text) { problem.textContent = text; }

  // --- sending ---
  function show() {
    const waiting = outbox().length;
    state.className = "chip " + (refused ? "nogo" : waiting ? "open" : "go");
    if (refused) state.textContent = `${refused}: ${waiting} not saved yet`;
    else if (!navigator.onLine) state.textContent = waiting ? `Offline: ${waiting} stored on this device` : "Offline";
    else if (!waiting) state.textContent = "All saved";
    else state.textContent = away ? `${waiting} not saved yet` : `Saving ${waiting}`;
    const note = $("[data-finished-note]");
    if (note) note.textContent = waiting ? `${waiting} ${waiting === 1 ? "rating is" : "ratings are"} stored on this device and will be sent when the connection is back.` : "Everything is saved.";
  }
  const FINAL = new Set([400, 404, 413, 422]);
  const isFinal = (answer, body) => FINAL.has(answer.status) && body?.error?.code === answer.status && typeof body.error.message === "string";
  async function flush() {
    if (sending) return;
    sending = true;
    try {
      for (let entry = outbox()[0]; entry; entry = outbox()[0]) {
        const answer = await fetch("/api/v1/ratings", {
          method: "POST", credentials: "same-origin",
          headers: { "content-type": "application/json", "x-csrf": csrf }, body: JSON.stringify(entry),
        });
        const body = await answer.json().catch(() => null);
        if (answer.ok && body?.key === entry.key) { drop(entry.key); localStorage.removeItem(DRAFT(entry.pair)); refused = ""; away = false; wait = 1000; show(); continue; }
        if (answer.status === 401 || answer.status === 403) { refused = "Sign in again"; break; }
        if (!isFinal(answer, body)) throw new Error("later");
        drop(entry.key);
        tell(`Not saved: ${body.error.message}`);
      }
      if (!outbox().length && !current && history.length && !refused) leave();
    } catch { away = true; wait = Math.min(wait * 2, 30000); setTimeout(flush, wait); }
    finally { sending = false; show(); }
  }
  // More pairs, or the guesses: the server knows.
  function leave() { if (!list.dataset.asked) { list.dataset.asked = "1"; location.replace(`/compare/${compare}`); } }

  // --- one pair at a time ---
  const pairs = () => $$("[data-pair]", list);
  function progress() {
    $("[data-progress]").textContent = left ? `${left} left` : "none left";
    const bar = $("progress", head);
    bar.max = Math.max(1, left + done); bar.value = done; bar.setAttribute("aria-label", `${done} of ${left + done} done`);
  }
  const chosen = (pair) => $("input[name=preferred]:checked", pair)?.value ?? "";
  function said(pair) {
    const form = new FormData($("form", pair));
    return { preferred: chosen(pair), reasons: form.getAll("reason"), comment: form.get("comment") ?? "" };
  }
  function fill(pair, what) {
    for (const input of $$("input[name=reason]", pair)) input.checked = (what.reasons ?? []).includes(input.value);
    for (const input of $$("input[name=preferred]", pair)) input.checked = input.value === what.preferred;
    const area = $("textarea", pair);
    if (what.comment) area.value = what.comment;
  }
  const seconds = () => spent + (document.visibilityState === "visible" ? (performance.now() - since) / 1000 : 0);
  const keep = (pair) => write(DRAFT(pair.dataset.pair), { said: said(pair), seconds: seconds() });
  function prepare(pair) {
    if (pair.ready) return;
    pair.ready = true;
    const draft = read(DRAFT(pair.dataset.pair), null);
    if (draft?.said) fill(pair, draft.said);
    pair.addEventListener("input", () => keep(pair));
    pair.addEventListener("change", () => keep(pair));
    $("form", pair).addEventListener("submit", (event) => { event.preventDefault(); send(); });
  }
  function open(pair, focus = true) {
    pairs().forEach((other) => { other.hidden = other !== pair; });
    current = pair;
    $("[data-finished]").hidden = Boolean(pair);
    $("[data-foot]").hidden = !pair && !history.length;
    $("[data-send]").hidden = !pair;
    if (!pair) { $("[data-finished]").focus(); show(); if (!outbox().length && history.length) leave(); return; }
    prepare(pair);
    since = performance.now(); spent = read(DRAFT(pair.dataset.pair), {}).seconds ?? 0;
    tell("");
    if (focus) { window.scrollTo(0, 0); $("input[name=preferred]", pair).focus({ preventScroll: true }); }
  }
  function send() {
    if (!current) return;
    const pair = current;
    if (!chosen(pair)) { $("input[name=preferred]", pair).focus(); tell("Which answer is better?"); return; }
    keep(pair);
    put({ key: newKey(), pair: pair.dataset.pair, seconds: Math.round(seconds() * 10) / 10, said: said(pair) });
    if (!pair.dataset.done && pair.dataset.again === undefined) { left -= 1; done += 1; }
    pair.dataset.done = "1";
    history.push(pair);
    progress(); show(); flush();
    say.textContent = `Noted. ${left} left.`;
    open(pairs().find((other) => !other.dataset.done) ?? null);
  }
  function choose(value) {
    const input = current && $$("input[name=preferred]", current).find((other) => other.value === value);
    if (!input) return false;
    input.checked = true;
    send();
    return true;
  }
  function undo() {
    const pair = history.pop();
    if (pair) { say.textContent = "Back to your last pair."; open(pair); return true; }
    if (navigator.onLine) location.href = `/compare/${compare}?undo=1`;
    return true;
  }

  // --- keys ---
  const dialog = $("[data-keys]");
  $("[data-help]").addEventListener("click", () => dialog.showModal());
  $("[data-close]").addEventListener("click", () => dialog.close());
  $("[data-send]").addEventListener("click", send);
  $("[data-undo]").addEventListener("click", undo);
  const go = (selector) => { const there = current && $(selector, current); there?.focus(); return Boolean(there); };
  const KEY = {
    1: () => choose("first"), 2: () => choose("second"), 3: () => choose("tie"), 4: () => choose("both bad"),
    r: () => go("input[name=reason]"), c: () => go("textarea"), u: undo, "?": () => { dialog.showModal(); return true; },
  };
  document.addEventListener("keydown", (event) => {
    if (dialog.open || event.isComposing) return;
    const writing = event.target.matches("textarea, input[type=text]");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && current) { event.preventDefault(); send(); return; }
    if (event.key === "Escape" && writing) { event.target.blur(); return; }
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && current && !event.target.closest("button, a, summary")) { event.preventDefault(); send(); return; }
    if (KEY[event.key.toLowerCase()]?.()) event.preventDefault();
  });

  // --- begin ---
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") { spent += (performance.now() - since) / 1000; if (current) keep(current); }
    since = performance.now();
  });
  window.addEventListener("online", () => { wait = 1000; show(); flush(); });
  window.addEventListener("offline", show);
  window.addEventListener("beforeunload", (event) => { if (memory.length) event.preventDefault(); });
  $("[data-leave]")?.addEventListener("click", (event) => {
    if (outbox().length && !confirm("Some ratings have not been saved yet. They stay on this device until you sign in again. Sign out?")) event.preventDefault();
  });
  const already = new Set(outbox().map((entry) => entry.pair));
  pairs().forEach((pair) => { if (already.has(pair.dataset.pair)) { pair.dataset.done = "1"; left -= 1; done += 1; } });
  progress(); show(); flush();
  if (pairs().length) open(pairs().find((pair) => !pair.dataset.done) ?? null, false);
  setInterval(() => { if (outbox().length) flush(); }, 15000);
})();
