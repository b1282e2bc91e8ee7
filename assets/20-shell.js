// The frame: which place we are at, messages in the corner, closing the account menu.
(function () {
  const none = () => window.dash_clientside.no_update;
  const SHOWN_FOR_MS = 7000;

  function showToast(toast) {
    const region = document.getElementById("toasts");
    if (!toast || !region) return none();
    const box = document.createElement("div");
    box.className = "toast-box" + (toast.bad ? " bad" : "");
    const text = document.createElement("div");
    const strong = document.createElement("strong");
    strong.textContent = toast.message;
    text.append(strong);
    if (toast.hint) {
      const hint = document.createElement("div");
      hint.className = "mute";
      hint.textContent = toast.hint;
      text.append(hint);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "icon-button small";
    close.setAttribute("aria-label", "Close message");
    close.textContent = "×";
    close.addEventListener("click", () => box.remove());
    box.append(text);
    if (toast.action) box.append(actionButton(toast.action, box));
    box.append(close);
    while (region.children.length > 2) region.firstChild.remove();
    region.append(box);
    // An error stays until it was read.
    if (!toast.bad && !toast.action) setTimeout(() => box.remove(), SHOWN_FOR_MS);
    return none();
  }

  // A message with a way back counts down and goes when the time is over.
  function actionButton(action, box) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-soft btn-sm toast-action";
    const count = document.createElement("span");
    count.setAttribute("aria-hidden", "true");
    button.append(action.word + " ", count);
    let left = action.seconds;
    const tick = () => {
      count.textContent = left;
      if (left-- <= 0) { clearInterval(timer); box.remove(); }
    };
    const timer = setInterval(tick, 1000);
    tick();
    button.addEventListener("click", () => {
      clearInterval(timer);
      box.remove();
      window.dash_clientside.set_props(action.store, { data: action.data });
    });
    return button;
  }

  // /contacts is also the place of /contacts/1; automations have addresses of their own below the first place.
  function isAt(path, href) {
    if (href === "/") return path === "/" || path.startsWith("/automations/");
    return path === href || path.startsWith(href + "/");
  }

  function markPlace(path) {
    for (const link of document.querySelectorAll(".nav-place")) {
      if (!isAt(path || "", link.getAttribute("href"))) { link.removeAttribute("aria-current"); continue; }
      link.setAttribute("aria-current", "page");
      // The row of places may be wider than a phone: the current one is moved into sight, the page is not.
      const row = link.parentElement;
      row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
    }
    for (const menu of document.querySelectorAll("details.account[open]")) menu.open = false;
    // Not html:has(...): every change of the page would cost the style of all of it.
    document.documentElement.dataset.place = /^\/automations\/[^/]+$/.test(path || "") ? "form" : "";
    return none();
  }

  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.account[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.account[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    shell: { showToast, markPlace },
  });
})();
