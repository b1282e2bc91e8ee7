// Moments that a page hands over as seconds since 1970 are told in the reader's zone, which is named on hover.
(function () {
  const { words } = window.stagelight;

  function tell(root) {
    for (const node of root.querySelectorAll("time[data-epoch]:empty")) {
      const epoch = Number(node.dataset.epoch);
      node.dateTime = new Date(epoch * 1000).toISOString();
      node.title = words.zone;
      node.textContent = words.moment(epoch, Date.now() / 1000);
    }
  }

  new MutationObserver((changes) => {
    if (changes.some((change) => change.addedNodes.length)) tell(document);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();
