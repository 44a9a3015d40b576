/* Lists: how many are ticked, shift ticks a stretch. Import: a file fills the field for its content.
   Without this script everything works as well. */
"use strict";
(() => {
  const form = document.querySelector("[data-import]");
  if (!form) return;
  const box = form.querySelector("[data-file]"), file = box.querySelector("input"), note = box.querySelector("[data-file-note]");
  box.hidden = false;
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    if (chosen.size > Number(form.dataset.most) * 0.6) { note.textContent = "This file is too large for the page: use the command line."; return; }
    form.querySelector("textarea[name=text]").value = await chosen.text();
    form.querySelector("input[name=name]").value = chosen.name;
    note.textContent = `${chosen.name} was read: ${Math.ceil(chosen.size / 1024)} KB.`;
  });
})();
(() => {
  const form = document.querySelector("[data-list]");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=items]")], count = form.querySelector("[data-ticked]");
  const show = () => { const n = boxes.filter((b) => b.checked).length; count.textContent = n ? ` (${n})` : ""; };
  let last = -1;
  boxes.forEach((box, at) => box.addEventListener("click", (event) => {
    if (event.shiftKey && last >= 0) for (let n = Math.min(at, last); n <= Math.max(at, last); n += 1) boxes[n].checked = box.checked;
    last = at;
    show();
  }));
  show();
})();
