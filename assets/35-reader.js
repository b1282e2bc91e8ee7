// Where the reader is: what is under the cursor, has the keyboard's focus or is scrolled into must not move.
(function () {
  const byId = (id) => document.getElementById(id);
  let mouse = false;
  document.addEventListener("pointerover", (event) => { mouse = event.pointerType === "mouse"; }, true);

  function focused(within) {
    const node = document.activeElement;
    return node && node !== document.body && within.contains(node) && node.matches(":focus-visible") ? node : null;
  }

  // Reading the list: nothing is put in, taken out or reordered until the reader leaves it.
  function isIn(list) {
    if (mouse && list.matches(":hover")) return true;
    if (focused(list)) return true;
    const selection = getSelection();
    if (selection && !selection.isCollapsed && list.contains(selection.anchorNode)) return true;
    const box = list.getBoundingClientRect();
    return box.top < -40 && box.bottom > 0;
  }

  function anchor(root) {
    const focus = focused(root);
    if (focus) return focus;
    if (!byId("stages").firstChild) return null; // nothing was drawn yet, so nothing was pointed at
    const under = mouse ? root.querySelectorAll(":hover") : [];
    const pointed = under[under.length - 1];
    // The words below the list may go down with it; only a button there is aimed at.
    if (pointed && (!pointed.closest(".list-foot, #nobody") || pointed.closest("button"))) return pointed;
    const list = byId("contacts");
    if (!list || list.getBoundingClientRect().top > 0) return null;
    for (const card of list.children) if (card.getBoundingClientRect().bottom > 0) return card;
    return null;
  }

  // What is above may grow: the page is scrolled by as much, so that what the reader points at stays where it is.
  // It may not shrink while there is nothing to scroll back, so it keeps its height until the reader has left.
  function steadily(root, boxes, change) {
    const held = anchor(root);
    if (!held) { for (const box of boxes) box.style.minHeight = ""; change(); return; }
    const heights = boxes.map((box) => box.offsetHeight);
    const before = held.getBoundingClientRect().top;
    change();
    boxes.forEach((box, index) => { if (box.offsetHeight < heights[index]) box.style.minHeight = heights[index] + "px"; });
    const moved = held.getClientRects().length ? held.getBoundingClientRect().top - before : 0;
    if (Math.abs(moved) > 0.5) scrollBy({ top: moved, behavior: "instant" });
  }

  function isAway(root) { return !anchor(root); }

  Object.assign(window.stagelight, { reader: { isIn, isAway, steadily } });
})();
