// A tag that is typed: what is wrong with it stands below its field, until something else is typed.
(function () {
  const { make, put } = window.stagelight;
  const LONGEST = 100;

  // A comma parts tags in a file, so no tag may have one; a tag from before that was so can still be taken away.
  function problem(tag, action) {
    if (!tag) return "Type a tag first.";
    if ([...tag].length > LONGEST) return `A tag has ${LONGEST} characters at most; this one has ${[...tag].length}.`;
    if (action === "add_tag" && tag.includes(",")) return "One tag at a time, without a comma.";
    return "";
  }

  function tell(field, note, words) {
    put(note, words);
    field.classList.toggle("is-invalid", Boolean(words));
    field.setAttribute("aria-invalid", String(Boolean(words)));
    if (words) field.focus();
  }

  // Answers a function that says whether something is wrong, and shows what.
  function watch(field, action) {
    const note = document.getElementById(field.id + "-wrong") || make("p", "field-error", field.parentNode);
    Object.assign(note, { id: field.id + "-wrong" });
    note.setAttribute("role", "alert");
    field.setAttribute("aria-describedby", note.id);
    field.oninput = () => tell(field, note, "");
    return () => { const words = problem(field.value.trim(), action); tell(field, note, words); return Boolean(words); };
  }

  Object.assign(window.stagelight, { tags: { watch } });
})();
