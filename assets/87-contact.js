// One contact: tags are added and removed, and opting out changed, by buttons that come and go with the answer.
(function () {
  function wish(action, tag) { window.dash_clientside.set_props("contact-wish", { data: { action, tag, at: Date.now() } }); }

  function add() {
    const field = document.getElementById("contact-tag");
    if (!window.stagelight.tags.watch(field, "add_tag")()) wish("add_tag", field.value.trim());
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("#contact-tag-add, [data-untag], [data-contact-act]");
    if (!button) return;
    if (button.id) add();
    else if (button.dataset.untag !== undefined) wish("remove_tag", button.dataset.untag);
    else wish(button.dataset.contactAct);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && event.target.id === "contact-tag") add();
  });
})();
