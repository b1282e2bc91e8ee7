// Going to another page of ours without loading everything again, as dcc.Link does.
(function () {
  function go(event, href) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    // The same as dcc.Link: Dash reads the address, whatever it believed it to be.
    history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }

  window.stagelight = Object.assign(window.stagelight || {}, { go });
})();
