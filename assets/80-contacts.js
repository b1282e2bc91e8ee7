// Importing contacts: which page is chosen, and a name for the file field that Dash leaves without.
(function () {
  const none = () => window.dash_clientside.no_update;
  const LOOKS_FOR_MS = 5000;

  // Dash loads the upload field late; a screen reader needs it named once it is there.
  function name(pageId, since) {
    const began = since || Date.now();
    const field = document.querySelector("#import-file input[type=file]");
    if (field) field.setAttribute("aria-label", "CSV file with contacts");
    else if (Date.now() - began < LOOKS_FOR_MS) setTimeout(() => name(pageId, began), 100);
    return none();
  }

  function toImport() {
    const heading = document.querySelector("#import h2");
    heading.scrollIntoView({ block: "start" });
    heading.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#to-import")) toImport();
    const chosen = event.target.closest && event.target.closest("[data-page-id]");
    if (!chosen) return;
    for (const choice of document.querySelectorAll("[data-page-id]")) {
      choice.setAttribute("aria-pressed", String(choice === chosen));
    }
    window.dash_clientside.set_props("import-page", { data: chosen.dataset.pageId });
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, { contacts: { name } });
})();
