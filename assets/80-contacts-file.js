/* A file that is too large is named here, before the browser reads all of it: the server would not take the request. */
(function () {
  const LARGEST = 8 * 1024 * 1024;

  function tell(name) {
    const words = `${name} is larger than 8 MB. Split it, each part with the header line, and bring the parts one by one.`;
    const notice = { id: "import-report", className: "notice bad", role: "alert", children: words };
    const component = { namespace: "dash_html_components", type: "P", props: notice };
    window.dash_clientside.set_props("import-result", { children: component });
  }

  // Captured at the document, so that Dash's upload does not see the event.
  function watch(type, filesOf) {
    document.addEventListener(type, (event) => {
      const upload = event.target.closest && event.target.closest("#import-file");
      const file = upload && [...(filesOf(event) || [])].find((one) => one.size > LARGEST);
      if (!file) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.target.value) event.target.value = "";
      tell(file.name);
    }, true);
  }

  watch("change", (event) => event.target.files);
  watch("drop", (event) => event.dataTransfer && event.dataTransfer.files);
})();
