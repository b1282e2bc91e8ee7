// Going to another page of ours without loading everything again, as dcc.Link does.
(function () {
  function go(event, href) {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const { pathname, search } = new URL(href, location.href);
    window.dash_clientside.set_props("_pages_location", { pathname, search });
    window.scrollTo(0, 0);
  }

  window.stagelight = Object.assign(window.stagelight || {}, { go });
})();
