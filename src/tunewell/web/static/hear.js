// Recordings: play or pause, back two seconds, slower. The keys are those of app.js; what is heard stops with its item.
"use strict";
(() => {
  const BACK_S = 2, SLOW = 0.7;
  const ACTS = {
    play(audio) { if (audio.paused) audio.play().catch(() => {}); else audio.pause(); },
    back(audio) { audio.currentTime = Math.max(0, audio.currentTime - BACK_S); },
    slower(audio, button) {
      const slow = audio.playbackRate === 1;
      audio.preservesPitch = true;
      audio.playbackRate = slow ? SLOW : 1;
      button.setAttribute("aria-pressed", String(slow));
    },
  };
  document.addEventListener("click", (event) => {
    const box = event.target.closest?.("[data-hear]");
    if (!box) return;
    for (const [name, act] of Object.entries(ACTS)) {
      const button = event.target.closest(`[data-${name}]`);
      if (button) act(box.querySelector("audio"), button);
    }
  });
  // Events of media do not bubble: they are caught on their way down.
  const shownFault = (event) => { const box = event.target.closest?.("[data-hear]"); if (box) box.querySelector("[data-fault]").hidden = false; };
  document.addEventListener("error", shownFault, true);
  new MutationObserver(() => {
    for (const audio of document.querySelectorAll("[hidden] audio")) audio.pause();
  }).observe(document.body, { attributes: true, attributeFilter: ["hidden"], subtree: true });
})();
