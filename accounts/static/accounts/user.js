// The search fields that Select2 makes for companies and contacts have no name of their own: each
// gets the label of its field, whenever Select2 gets round to making it.
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
