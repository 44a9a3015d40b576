/* The inbox: drafts of answers are kept on this device until they are sent. */
"use strict";
(() => {
  const head = document.querySelector("[data-inbox]");
  if (!head) return;
  const name = (form) => `tunewell.answer.${head.dataset.inbox}.${form.dataset.request}`;
  for (const form of document.querySelectorAll("[data-request]")) {
    const area = form.querySelector("textarea");
    try { if (!area.value) area.value = localStorage.getItem(name(form)) ?? ""; } catch { /* no drafts here */ }
    area.addEventListener("input", () => { try { localStorage.setItem(name(form), area.value); } catch { /* no drafts here */ } });
  }
  const open = new Set([...document.querySelectorAll("[data-request]")].map(name));
  try {
    const prefix = `tunewell.answer.${head.dataset.inbox}.`;
    for (const key of Object.keys(localStorage)) if (key.startsWith(prefix) && !open.has(key)) localStorage.removeItem(key);
  } catch { /* no drafts here */ }
})();
