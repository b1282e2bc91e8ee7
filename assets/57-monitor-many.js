// What is said of acting on many contacts of an automation.
(function () {
  const { many, words } = window.stagelight;
  const BATCH = 100, PAUSE_MS = 400;

  many.know({
    retry: {
      title: (n) => `Queue ${n === 1 ? "this contact" : many.contacts(n)} again?`,
      text: (n) => "Every check is made again" + (n === 1 ? " before a message goes out." : "."),
      warn: (n, { twice }) => twice && (n === 1 ? "Nobody knows whether the last message arrived. If it did, this contact gets it twice." : "Nobody knows whether their last message arrived. Some may get it twice."),
      yes: (n) => (n === 1 ? "Queue again" : "Queue " + many.contacts(n)),
      doing: "Queueing again", done: "queued again", moved: "had moved on", batch: BATCH, pause: PAUSE_MS,
      none: { title: "Nobody to retry", text: "A retry helps nobody in this list: time, the contact or Facebook must cure the others, and then they go on by themselves." },
    },
    cancel: {
      title: (n) => `Cancel ${n === 1 ? "this contact" : many.contacts(n)}?`,
      text: (n) => `This run sends ${n === 1 ? "nothing more to this contact" : "them nothing more"}.`,
      yes: (n) => (n === 1 ? "Cancel the contact" : "Cancel " + many.contacts(n)),
      doing: "Cancelling", done: "cancelled", moved: "had moved on", batch: BATCH, pause: PAUSE_MS,
      none: { title: "Nobody to cancel", text: "Nobody in this list is on the way, or what is being sent cannot be called back." },
    },
    approve: {
      title: (n, { waiting }) => (n < waiting ? `Approve ${words.number(n)} of ${words.number(waiting)} messages?` : `Approve ${n === 1 ? "this message" : words.number(n) + " messages"}?`),
      text: (n) => `${n === 1 ? "It goes" : "They go"} out as ${n === 1 ? "it stands" : "they stand"} here; whose window closes first goes first. What is written anew meanwhile waits for you again.`,
      warn: (n, { waiting }) => n < waiting && "More than can be read at once wait: the others are listed when these are done.",
      yes: (n) => (n === 1 ? "Approve it" : `Approve ${words.number(n)}`),
      doing: "Approving", done: "approved", moved: "had changed, moved on or may not be written to now", batch: 10, pause: PAUSE_MS,
      none: { title: "Nothing to approve", text: "No message waits for your approval any more." },
    },
  });
})();
