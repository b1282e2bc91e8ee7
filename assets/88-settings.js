// Settings: what was saved holds on this page at once; after a mistake the first wrong field is gone to.
(function () {
  const { words } = window.stagelight;

  function saved(answer) {
    const none = window.dash_clientside.no_update;
    if (!answer) return none;
    const wrong = (answer.errors || [])[0];
    if (wrong) { const field = document.getElementById(wrong); if (field) (field.querySelector("input") || field).focus(); return none; }
    words.tellIn(answer.zone);
    window.dash_clientside.theme.taken(answer.theme);
    document.getElementById("settings-state").textContent = `Saved. Times are told in ${words.zone}.`;
    return none;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { settings: { saved } });
})();
