// The form of a schedule shows the fields of the choice that is made: an interval, or a time.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const how = document.getElementById("id_how");
  if (!how) return;
  const rows = {
    every: [".form-row.field-every", ".field-every", ".field-unit"],
    daily: [".form-row.field-at", ".field-at"],
  };
  const show = () => {
    for (const [choice, selectors] of Object.entries(rows)) {
      for (const row of document.querySelectorAll(selectors.join())) {
        row.hidden = how.value !== choice;
      }
    }
  };
  how.addEventListener("change", show);
  show();
});
