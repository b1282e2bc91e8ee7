// Where a page's first data could not be had: it is opened again as soon as the database answers.
(function () {
  const EVERY_MS = 3000;
  let asking = false;

  // Not inside a form or a dialog: what was typed there must stay.
  const waiting = () => document.querySelector("main #unreachable[data-away=true]:not(form *, dialog *)");

  async function look() {
    const page = waiting();
    if (!page || document.hidden || asking) return;
    asking = true;
    const ready = await fetch("/readyz", { cache: "no-store" }).then((answer) => answer.ok, () => false);
    asking = false;
    if (ready && page === waiting()) location.reload();
  }

  setInterval(look, EVERY_MS);
})();
