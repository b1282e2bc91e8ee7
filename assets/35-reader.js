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
    const under = mouse ? root.querySelectorAll(":hover") : [];
    if (under.length) return under[under.length - 1];
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
    const moved = held.isConnected ? held.getBoundingClientRect().top - before : 0;
    if (Math.abs(moved) > 0.5) scrollBy({ top: moved, behavior: "instant" });
  }

  function isAway(root) { return !anchor(root); }

  Object.assign(window.stagelight, { reader: { isIn, isAway, steadily } });
})();
