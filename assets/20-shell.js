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
    box.append(text, close);
    while (region.children.length > 2) region.firstChild.remove();
    region.append(box);
    // An error stays until it was read.
    if (!toast.bad) setTimeout(() => box.remove(), SHOWN_FOR_MS);
    return none();
  }

  function markPlace(path) {
    const place = path && path.startsWith("/contacts") ? "/contacts" : "/";
    for (const link of document.querySelectorAll(".nav-place")) {
      if (link.getAttribute("href") === place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
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
