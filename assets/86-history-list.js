// The history: what it can be asked by, and how far back a search has come.
(function () {
  const { lists, words } = window.stagelight;
  const back = (answer) => words.moment(answer.looked, Date.now() / 1000);

  function sum(answer) {
    const order = `Newest first · times in ${words.zone}`;
    return answer.looked && answer.rows.length ? `${order} · looked back to ${back(answer)}, older ones may fit too` : order;
  }

  function empty(answer) {
    if (answer.looked) return [`Nothing fits back to ${back(answer)}`, "Older tries have not been looked at yet."];
    if (answer.filtered) return [answer.prev ? "Nothing further fits" : "No try fits this filter", "Try fewer filters, or a longer time."];
    if (answer.prev) return ["Nothing further", "These were all that is kept."];
    return ["Nothing was sent yet", "Every message that an automation tries to send stands here, with what became of it.", { href: "/", word: "Start a run" }];
  }

  function drawn(answer) {
    const next = document.querySelector("#history-pager [data-to=next]");
    if (next) next.textContent = answer.looked ? "Look further back" : "Next";
  }

  lists.know("history", { path: "/history", fields: ["q", "rule", "outcome", "error", "page", "from", "until"], oneWay: true, sum, empty, drawn });
})();
