// What the words of a stage's tile mean, for whoever has no pointer to rest on it.
(function () {
  const { make } = window.stagelight;
  const MEANINGS = [
    ["avg", "How long those stayed on average who left in the last hour; before the first has left, how long those there have waited."],
    ["p95", "95 of 100 of them stayed no longer."],
    ["oldest", "How long the one has been there who waits longest now."],
    ["in · out", "How many came and how many went on in this minute or the one before, whichever were more."],
    ["stalled", "Nobody goes on although somebody waits longer than is usual here."],
    ["slower than usual", "Who waits longest has waited twice as long as 95 of 100 did in the last hour."],
    ["filling up", "More come than go on."],
    ["clears in", "When the last would have gone on at this minute’s pace."],
  ];

  function meanings(after) {
    const details = document.createElement("details");
    details.className = "meanings";
    make("summary", "", details).textContent = "What the numbers mean";
    const list = make("dl", "", details);
    for (const [word, text] of MEANINGS) {
      const row = make("div", "", list);
      make("dt", "", row).textContent = word;
      make("dd", "", row).textContent = text;
    }
    after.after(details);
  }

  Object.assign(window.stagelight, { meanings });
})();
