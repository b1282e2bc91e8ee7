// The list of contacts: what it can be asked by, and what it says of its number.
(function () {
  const { lists, words } = window.stagelight;

  function sum(answer) {
    const many = answer.capped ? "More than " + words.number(answer.total) : words.number(answer.total);
    const one = answer.total === 1 && !answer.capped;
    return `${many} ${one ? "contact" : "contacts"}${answer.filtered ? (one ? " fits the filter" : " fit the filter") : ""} · times in ${words.zone}`;
  }

  function empty(answer) {
    if (answer.filtered) return ["No contact fits this filter", "Try fewer filters, or the beginning of a word of the name."];
    if (answer.prev) return ["Nothing further", "This page of the list is empty now."];
    return ["No contacts yet", "Whoever writes to a connected page becomes a contact; others come from a CSV file, below."];
  }

  lists.know("contacts", { path: "/contacts", fields: ["q", "page", "tag", "opted", "window", "order"], order: "-heard", sum, empty });
})();
