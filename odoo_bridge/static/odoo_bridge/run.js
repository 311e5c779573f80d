// The page of a run that is under way: asks every second where it stands, and shows the whole page
// anew once it has ended.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-progress]");
  if (!panel) return;
  const say = (name, value) => {
    panel.querySelector(`[data-${name}]`).textContent = value;
  };
  const bar = panel.querySelector("progress");

  const ask = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(panel.dataset.progress, { credentials: "same-origin" });
        if (answer.ok) {
          const run = await answer.json();
          if (!run.open) {
            location.reload();
            return;
          }
          say("doing", run.doing);
          say("lasted", run.lasted);
          say("read", run.read.toLocaleString());
          say("planned", run.planned === null ? "?" : run.planned.toLocaleString());
          if (run.planned) {
            bar.max = run.planned;
            bar.value = run.read;
          }
        }
      } catch {
        // The next second may be better.
      }
    }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 1000);
});
