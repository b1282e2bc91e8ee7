// The audit: what it can be asked by.
(function () {
  const { lists, words } = window.stagelight;

  function empty(answer) {
    if (answer.filtered) return [answer.prev ? "Nothing further fits" : "Nothing fits this filter", "Try fewer filters, or a longer time."];
    return [answer.prev ? "Nothing further" : "Nothing was done yet", "Every change you make stands here, with when and to how many."];
  }

  lists.know("audit", { path: "/audit", fields: ["kind", "rule", "from", "until"], oneWay: true, sum: () => `Newest first · times in ${words.zone}`, empty });
})();
