// The search fields that Select2 creates for companies and contacts have no accessible name. Each gets the
// label of its field as soon as Select2 has created it.
"use strict";

const nameTheSearchFields = () => {
  for (const field of document.querySelectorAll("select.admin-autocomplete")) {
    const label = document.querySelector(`label[for="${field.id}"]`);
    const search = field.parentElement.querySelector(".select2-search__field");
    if (label && search) search.setAttribute("aria-label", label.textContent.trim());
  }
};

document.addEventListener("DOMContentLoaded", () => {
  nameTheSearchFields();
  new MutationObserver(nameTheSearchFields).observe(document.body, {
    childList: true,
    subtree: true,
  });
});
