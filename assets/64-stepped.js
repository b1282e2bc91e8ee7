// Cards that may be many come by the step, fewer of them on a phone, so that a page has an end; a search looks at all.
(function () {
  const { words, put } = window.stagelight;
  const PHONE = 10, DESK = 30;
  const small = matchMedia("(max-width: 620px)");
  const atOnce = () => (small.matches ? PHONE : DESK);

  // `id` is the button's, `draw` draws the list anew; of the cards that wait, those in trouble are counted.
  function stepped(id, draw, isInTrouble = () => false) {
    let most = atOnce();

    function cut(cards) {
      const button = document.getElementById(id), rest = cards.slice(most), bad = rest.filter(isInTrouble).length;
      button.hidden = !rest.length;
      put(button, `Show ${words.number(Math.min(rest.length, atOnce()))} more of ${words.number(cards.length)}` + (bad ? `, ${words.number(bad)} in trouble` : ""));
      return cards.slice(0, most);
    }

    document.addEventListener("click", ({ target }) => {
      const button = target.closest && target.closest("#" + id);
      if (!button) return;
      const list = button.previousElementSibling, last = list.lastElementChild;
      most += atOnce();
      draw();
      const first = last && last.nextElementSibling && last.nextElementSibling.querySelector("a[href], button, input");
      if (first) first.focus({ preventScroll: true });
    });
    small.addEventListener("change", () => { most = atOnce(); if (document.getElementById(id)) draw(); });
    return { cut, anew() { most = atOnce(); } };
  }

  Object.assign(window.stagelight, { stepped });
})();
