/* The work page: one item at a time, keys first, a draft on every stroke, verdicts queued until the server has them.
   Nothing here decides who may see what: the server does. */
"use strict";
(() => {
  const head = document.querySelector("[data-work]");
  if (!head) return;
  const { work: batch, me, csrf, kind, version } = head.dataset;
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const list = $("[data-items]"), state = $("[data-state]"), problem = $("[data-problem]"), say = $("[data-say]");
  const OUTBOX = `tunewell.outbox.${me}`, DRAFT = (item) => `tunewell.draft.${me}.${item}`, KEYS = "tunewell.single-keys";
  let left = Number(head.dataset.left), done = Number(head.dataset.done), pace = Number(head.dataset.pace);
  let current = null, since = 0, spent = 0, history = [], sending = false, loading = false, refused = "", away = false, wait = 1000;

  // --- what is kept on this device -----------------------------------------------------------------------------
  const read = (key, other) => { try { return JSON.parse(localStorage.getItem(key)) ?? other; } catch { return other; } };
  const write = (key, value) => {
    try { localStorage.setItem(key, JSON.stringify(value)); return true; }
    catch { tell("This browser cannot store drafts: stay on this page until everything is saved."); return false; }
  };
  const memory = [];  // verdicts that localStorage refused to keep
  const outbox = () => [...read(OUTBOX, []), ...memory];
  const put = (entry) => { if (!write(OUTBOX, [...read(OUTBOX, []), entry])) memory.push(entry); };
  const drop = (key) => {
    write(OUTBOX, read(OUTBOX, []).filter((e) => e.verdict.key !== key));
    const at = memory.findIndex((e) => e.verdict.key === key);
    if (at >= 0) memory.splice(at, 1);
  };
  const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

  // --- sending ---------------------------------------------------------------------------------------------------
  function show() {
    const waiting = outbox().length;
    state.className = "chip " + (refused ? "nogo" : waiting ? "open" : "go");
    if (refused) state.textContent = `${refused}: ${waiting} not saved yet`;
    else if (!navigator.onLine) state.textContent = waiting ? `Offline: ${waiting} stored on this device` : "Offline";
    else if (!waiting) state.textContent = "All saved";
    else state.textContent = away ? `${waiting} not saved yet` : `Saving ${waiting}`;
    const note = $("[data-finished-note]");
    if (note) note.textContent = waiting ? `${waiting} ${waiting === 1 ? "verdict is" : "verdicts are"} stored on this device and will be sent when the connection is back. Leave this page open or come back to it.` : "Everything is saved.";
  }
  // Only the API itself can refuse a verdict for good. Whatever else answers (a proxy, a server that is starting, a
  // database that is away) may answer differently in a minute, and until then the verdict waits here.
  const FINAL = new Set([400, 404, 413, 422]);
  const final = (answer, body) => FINAL.has(answer.status) && body?.error?.code === answer.status && typeof body.error.message === "string";
  function refuse(entry, why) {
    drop(entry.verdict.key);
    write(DRAFT(entry.verdict.item), { said: entry.verdict.said, seconds: entry.verdict.seconds });
    const item = entry.batch === batch && $(`[data-item="${CSS.escape(entry.verdict.item)}"]`, list);
    if (item && item.dataset.done) {  // it is open again, with what was said in it
      delete item.dataset.done;
      left += 1; done -= 1;
      progress();
      if (!current) open(item);
    }
    tell(`Not saved: ${why}`);
  }
  async function flush() {
    if (sending) return;
    sending = true;
    try {
      for (let entry = outbox()[0]; entry; entry = outbox()[0]) {
        const answer = await fetch("/api/v1/verdicts", {
          method: "POST", credentials: "same-origin",
          headers: { "content-type": "application/json", "x-csrf": csrf }, body: JSON.stringify(entry.verdict),
        });
        const body = await answer.json().catch(() => null);
        if (answer.ok && body?.key === entry.verdict.key) { drop(entry.verdict.key); localStorage.removeItem(DRAFT(entry.verdict.item)); refused = ""; away = false; wait = 1000; show(); continue; }
        if (answer.status === 401 || answer.status === 403) { refused = "Sign in again"; break; }
        if (!final(answer, body)) throw new Error("later");
        refuse(entry, body.error.message);
      }
    } catch { away = true; wait = Math.min(wait * 2, 30000); setTimeout(flush, wait); }
    finally { sending = false; show(); }
  }

  // --- one item at a time ----------------------------------------------------------------------------------------
  const items = () => $$(".item", list);
  const queued = () => new Set(outbox().filter((e) => e.batch === batch).map((e) => e.verdict.item));
  function tell(text) { problem.textContent = text; }
  function progress() {
    const minutes = left * pace;
    const words = minutes < 1.5 ? "about a minute" : minutes < 60 ? `about ${Math.round(minutes)} minutes` : `about ${Math.floor(minutes / 60)} h ${String(Math.round(minutes % 60)).padStart(2, "0")} min`;
    $("[data-progress]").textContent = left ? `${left} left, ${words}` : "none left";
    const bar = $("progress", head);
    bar.max = Math.max(1, left + done); bar.value = done; bar.setAttribute("aria-label", `${done} of ${left + done} done`);
  }
  function open(item, focus = true) {
    items().forEach((other) => { other.hidden = other !== item; });
    current = item;
    $("[data-finished]").hidden = Boolean(item);
    $("[data-foot]").hidden = false;
    $("[data-send]").hidden = $("[data-skip]").hidden = !item;
    if (!item) { $("[data-finished]").focus(); show(); return; }
    prepare(item);
    item.classList.add("enter");
    since = performance.now(); spent = read(DRAFT(item.dataset.item), {}).seconds ?? 0;
    ask(null);
    light();
    if (focus) {
      window.scrollTo(0, 0);
      const first = kind === "annotate" ? $(".spans", item) ?? $("input[name=label], textarea", item) : $(".ask input", item);
      first?.focus({ preventScroll: true });
    }
  }
  async function next() {
    const waiting = items().filter((i) => i !== current && !i.dataset.done);
    if (waiting.length < 4) more();
    if (waiting.length) { open(waiting[0]); return; }
    if (left > 0) await more();
    open(items().find((i) => !i.dataset.done) ?? null);
  }
  async function more() {
    if (loading || left <= 0) return;
    loading = true;
    try {
      const have = [...items().map((i) => i.dataset.item), ...queued()].slice(-150).join(",");
      const answer = await fetch(`/work/${batch}/more?have=${have}`, { credentials: "same-origin" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");  // the server escaped it
      for (const item of page.querySelectorAll(".item")) {
        if (!$(`[data-item="${CSS.escape(item.dataset.item)}"]`, list)) { item.hidden = true; list.append(document.adoptNode(item)); }
      }
    } catch { /* no connection: those on the page go on */ }
    finally { loading = false; }
  }

  // --- what is said ----------------------------------------------------------------------------------------------
  const seconds = () => spent + (document.visibilityState === "visible" ? (performance.now() - since) / 1000 : 0);
  const placed = kind === "annotate" ? "spans" : "evidence";  // what marks in the source are called
  function said(item) {
    const form = $("form", item), data = new FormData(form), scores = {};
    for (const [key, value] of data) if (key.startsWith("score.")) scores[key.slice(6)] = Number(value);
    const correct = $("textarea[name=correction]", item);
    return {
      scores, tags: data.getAll("tag"), label: data.get("label") ?? "", comment: data.get("comment") ?? "",
      correction: correct && correct.value !== correct.dataset.begin ? correct.value : "",
      answer: data.get("answer") ?? "", [placed]: item.marks ? item.marks.value() : [],
    };
  }
  function fill(item, what) {
    const form = $("form", item);
    for (const [name, value] of Object.entries(what.scores ?? {})) {
      const input = $$("input[type=radio]", form).find((i) => i.name === `score.${name}` && Number(i.value) === value);
      if (input) input.checked = true;
    }
    for (const input of $$("input[name=tag]", form)) input.checked = (what.tags ?? []).includes(input.value);
    for (const input of $$("input[name=label]", form)) input.checked = input.value === what.label;
    for (const name of ["comment", "answer", "correction"]) {
      const area = $(`textarea[name=${name}]`, form);
      if (area && what[name]) { area.value = what[name]; area.closest("details")?.setAttribute("open", ""); }
    }
    item.marks?.set(what[placed] ?? []);
  }
  function prepare(item) {
    if (item.ready) return;
    item.ready = true;
    const text = $(".spans", item);
    if (text) item.marks = marking(item, text, () => { keep(item); again(); });
    const draft = read(DRAFT(item.dataset.item), null);
    if (draft?.said) fill(item, draft.said);
    item.addEventListener("input", () => { keep(item); light(); again(); });
    item.addEventListener("change", () => { keep(item); light(); again(); });
    $("form", item).addEventListener("submit", (event) => { event.preventDefault(); send(); });
    $("[data-correct]", item)?.addEventListener("toggle", (event) => {
      const area = $("textarea", event.target);
      if (event.target.open && !area.value) area.value = area.dataset.begin;
    });
  }
  const keep = (item) => write(DRAFT(item.dataset.item), { said: said(item), seconds: seconds() });
  const asks = () => current ? $$(".ask[data-criterion]", current) : [];
  const answered = (ask) => Boolean($("input:checked", ask));
  function light() {
    // A question that the keys have gone to is the one they answer; a click leaves them at the next open one.
    const all = asks(), focused = document.activeElement?.closest?.(".ask[data-criterion]");
    const here = focused && (!answered(focused) || document.activeElement.matches(":focus-visible"));
    const now = here ? focused : all.find((a) => !answered(a));
    all.forEach((a) => a.classList.toggle("now", a === now));
    return now;
  }
  // What keeps this item from being saved: in words, and the place where that is mended. Null if nothing does.
  function missing(item) {
    const open = asks().find((a) => !answered(a));
    if (open) return [`Not answered: ${$("legend", open).textContent.trim()}`, $("input", open)];
    if (kind === "review" && item.marks) {
      const there = new Set(item.marks.value().map((m) => m.label));
      const bare = asks().find((a) => $(`[data-label="${CSS.escape(a.dataset.criterion)}"]`, item) && !there.has(a.dataset.criterion) && Number($("input:checked", a).value) >= (a.dataset.scale === "1-5" ? 4 : 1));
      if (bare) return [`Mark the evidence for this: ${$("legend", bare).textContent.trim()}`, $(".spans", item)];
    }
    const label = $("[data-row-label]", item);
    if (label && !answered(label)) return ["Choose a label for this text.", $("input", label)];
    const answer = $("textarea[name=answer]", item);
    if (answer && !answer.value.trim()) return ["Write the correct answer.", answer];
    return null;
  }
  let asked = false;  // whether the message at the foot says that something is missing
  function ask(lack) { tell(lack ? lack[0] : ""); asked = Boolean(lack); }
  const again = () => { if (asked && current) ask(missing(current)); };  // it goes when that is answered
  function send(skip = false) {
    if (!current) return;
    const item = current, lack = skip ? null : missing(item);
    if (lack) { ask(lack); lack[1].focus(); light(); return; }
    const what = skip ? { skipped: $("textarea[name=comment]", item)?.value.trim() || "cannot decide" } : said(item);
    if (what.correction === "") delete what.correction;
    keep(item);
    put({ batch, verdict: { key: newKey(), item: item.dataset.item, seconds: Math.round(seconds() * 10) / 10, version, said: what } });
    if (!item.dataset.done) { left -= 1; done += 1; }
    item.dataset.done = "1";
    history.push(item);
    progress(); show(); flush();
    say.textContent = `Noted. ${left} left.`;
    next();
  }
  function undo() {
    const item = history.pop();
    if (item) { say.textContent = "Back to your last item."; open(item); return; }
    if (navigator.onLine) location.href = `/work/${batch}?undo=1`;
  }

  // --- marks in a text: words by keys, any stretch by mouse ------------------------------------------------------
  function marking(item, box, changed) {
    const text = box.textContent, labels = $$("[data-label]", item).map((b) => b.dataset.label);
    const points = (at) => [...text.slice(0, at)].length;            // UTF-16 place to code points, as the server counts
    const units = (at) => [...text].slice(0, at).join("").length;
    let marks = JSON.parse(box.dataset.begin || "[]").map(([s, e, l]) => ({ start: units(s), end: units(e), label: l }));
    let at = 0, anchor = null, free = null;
    const words = [];
    box.textContent = "";
    for (const piece of text.matchAll(/\s+|[\p{L}\p{N}\p{M}_]+(?:[.,:'’\/-][\p{L}\p{N}\p{M}_]+)*|[^\s]/gu)) {
      const element = document.createElement("span");
      element.textContent = piece[0];
      element.start = piece.index; element.end = piece.index + piece[0].length;
      if (piece[0].trim()) { element.className = "w"; words.push(element); }
      box.append(element);
    }
    const selection = () => {
      if (free) return free;
      if (!words.length) return null;
      const [a, b] = anchor === null ? [at, at] : [Math.min(at, anchor), Math.max(at, anchor)];
      return { start: words[a].start, end: words[b].end };
    };
    function draw() {
      const chosen = anchor === null && !free ? null : selection();
      for (const element of box.children) {
        const mark = marks.find((m) => m.start < element.end && element.start < m.end);
        const inside = chosen && chosen.start < element.end && element.start < chosen.end;
        element.className = `${element.textContent.trim() ? "w" : ""} ${mark ? `m${labels.indexOf(mark.label) % 9 + 1}` : ""} ${inside && element.textContent.trim() ? "sel" : ""}`.trim();
      }
      words[at]?.classList.add("at");
      const rows = $(".marks", item);
      rows.replaceChildren(...[...marks].sort((a, b) => a.start - b.start).map((m) => {
        const row = document.createElement("li"), label = document.createElement("span"), quote = document.createElement("q"), off = document.createElement("button");
        label.className = `chip m${labels.indexOf(m.label) % 9 + 1}`; label.textContent = m.label;
        quote.textContent = text.slice(m.start, m.end);
        off.type = "button"; off.textContent = "×"; off.setAttribute("aria-label", `Remove: ${m.label} ${text.slice(m.start, m.end)}`);
        off.addEventListener("click", () => { marks = marks.filter((other) => other !== m); draw(); changed(); box.focus(); });
        row.append(label, quote, off);
        return row;
      }));
    }
    function mark(label) {
      const chosen = selection();
      if (!chosen || !label) return;
      marks = marks.filter((m) => !(m.start < chosen.end && chosen.start < m.end));
      marks.push({ ...chosen, label });
      say.textContent = `${label}: ${text.slice(chosen.start, chosen.end)}`;
      anchor = free = null;
      window.getSelection()?.removeAllRanges();
      draw(); changed();
    }
    function move(step, extend) {
      if (!words.length) return;
      if (extend && anchor === null) anchor = at;
      if (!extend) anchor = null;
      free = null;
      at = Math.min(words.length - 1, Math.max(0, at + step));
      draw();
      words[at].scrollIntoView({ block: "nearest" });
      const chosen = selection();
      say.textContent = text.slice(chosen.start, chosen.end);
    }
    function line(direction) {
      if (!words.length) return 0;
      const from = words[at].getBoundingClientRect();
      let best = 0, near = Infinity, row = null;
      for (let n = at + direction; n >= 0 && n < words.length; n += direction) {
        const place = words[n].getBoundingClientRect();
        if (Math.abs(place.top - from.top) < 4) continue;
        if (row === null) row = place.top;
        if (Math.abs(place.top - row) > 4) break;
        if (Math.abs(place.left - from.left) < near) { near = Math.abs(place.left - from.left); best = n - at; }
      }
      return best;
    }
    box.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 };
      if (event.key in steps) move(steps[event.key], event.shiftKey);
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") move(line(event.key === "ArrowDown" ? 1 : -1), event.shiftKey);
      else if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) mark(labels[Number(event.key) - 1]);
      else if (event.key === "Backspace" || event.key === "Delete") {
        const chosen = selection();
        marks = marks.filter((m) => !chosen || !(m.start < chosen.end && chosen.start < m.end));
        draw(); changed();
      } else if (event.key === "Escape") { anchor = free = null; draw(); }
      else return;
      event.preventDefault(); event.stopPropagation();
    });
    box.addEventListener("mouseup", () => {
      const range = window.getSelection()?.rangeCount ? window.getSelection().getRangeAt(0) : null;
      if (!range || !box.contains(range.startContainer) || !box.contains(range.endContainer)) return;
      const place = (node, offset) => {
        if (node === box) return box.children[offset]?.start ?? text.length;
        const element = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        return element.start + (node.nodeType === Node.TEXT_NODE ? offset : offset ? element.end - element.start : 0);
      };
      let start = place(range.startContainer, range.startOffset), end = place(range.endContainer, range.endOffset);
      while (start < end && /\s/.test(text[start])) start += 1;
      while (end > start && /\s/.test(text[end - 1])) end -= 1;
      anchor = null;
      free = end > start ? { start, end } : null;
      const word = words.findIndex((w) => w.end > start);
      if (word >= 0) at = word;
      draw();
    });
    for (const button of $$("[data-label]", item)) button.addEventListener("click", () => { mark(button.dataset.label); box.focus(); });
    draw();
    return {
      value: () => marks.map((m) => ({ start: points(m.start), end: points(m.end), label: m.label })),
      set: (spans) => { marks = spans.map((s) => ({ start: units(s.start), end: units(s.end), label: s.label })); draw(); },
    };
  }

  // --- keys ------------------------------------------------------------------------------------------------------
  const dialog = $("[data-keys]"), single = $("[data-single]");
  single.checked = read(KEYS, true);
  single.addEventListener("change", () => write(KEYS, single.checked));
  $("[data-help]").addEventListener("click", () => dialog.showModal());
  $("[data-close]").addEventListener("click", () => dialog.close());
  $("[data-send]").addEventListener("click", () => send());
  $("[data-skip]").addEventListener("click", () => send(true));
  $("[data-undo]").addEventListener("click", undo);
  function pick(input) {
    if (!input) return false;
    input.checked = input.type === "radio" || !input.checked;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  }
  // Answers the highlighted question, or the next open one on this scale; focus goes to the next question that is open,
  // and stays on the choice where there is none.
  function choose(value, scale) {
    const now = light() ?? document.activeElement?.closest?.(".ask[data-criterion]");
    const target = now?.dataset.scale === scale ? now : asks().find((a) => !answered(a) && a.dataset.scale === scale);
    const input = target && $$("input", target).find((i) => i.value === value);
    if (!pick(input)) return false;
    const open = asks().find((a) => !answered(a));
    (open ? $("input", open) : input).focus();
    light();
    return true;
  }
  // Digits tick the kinds of error after T, and choose the label after L.
  function digit(key) {
    const among = document.activeElement?.closest?.("[data-tags], [data-row-label]");
    if (!among || !current?.contains(among)) return /^[1-5]$/.test(key) && choose(key, "1-5");
    const input = $$("input", among)[Number(key) - 1];
    if (!pick(input)) return false;
    input.focus();
    return true;
  }
  const go = (selector) => { const there = current && $(selector, current); there?.closest("details")?.setAttribute("open", ""); there?.focus(); return Boolean(there); };
  const hear = (what) => { const button = current && $(`[data-hear] [data-${what}]`, current); button?.click(); return Boolean(button); };
  const KEY = {
    y: () => choose("1", "yes/no"), n: () => choose("0", "yes/no"), t: () => go("[data-tags] input"), e: () => go("textarea[name=correction]"),
    c: () => go("textarea[name=comment]"), a: () => go("textarea[name=answer]"), l: () => go("[data-row-label] input:checked") || go("[data-row-label] input"), m: () => go(".spans"),
    p: () => hear("play"), b: () => hear("back"), d: () => hear("slower"),
    s: () => { send(true); return true; }, u: () => { undo(); return true; }, "?": () => { dialog.showModal(); return true; },
  };
  document.addEventListener("keydown", (event) => {
    if (dialog.open || event.isComposing) return;
    const writing = event.target.matches("textarea, input[type=text]");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); return; }
    if (event.key === "Escape" && writing) { event.target.blur(); return; }
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && !event.target.closest("button, a, summary")) { event.preventDefault(); send(); return; }
    if (!single.checked) return;
    const number = /^[1-9]$/.test(event.key) && digit(event.key);
    if (number || KEY[event.key.toLowerCase()]?.()) event.preventDefault();
  });
  document.addEventListener("focusin", light);

  // --- begin -----------------------------------------------------------------------------------------------------
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") { spent += (performance.now() - since) / 1000; if (current) write(DRAFT(current.dataset.item), { said: said(current), seconds: spent }); }
    since = performance.now();
  });
  window.addEventListener("online", () => { wait = 1000; show(); flush(); more(); });
  window.addEventListener("offline", show);
  window.addEventListener("beforeunload", (event) => { if (memory.length) event.preventDefault(); });
  $("[data-leave]")?.addEventListener("click", (event) => {
    if (outbox().length && !confirm("Some verdicts have not been saved yet. They stay on this device until you sign in again. Sign out?")) event.preventDefault();
  });
  const already = queued();
  items().forEach((item) => { if (already.has(item.dataset.item)) { item.dataset.done = "1"; left -= 1; done += 1; } });
  progress(); show(); flush();
  open(items().find((i) => !i.dataset.done) ?? null, false);
  if (!current && left > 0) next();
  setInterval(() => { if (outbox().length) flush(); }, 15000);
})();
