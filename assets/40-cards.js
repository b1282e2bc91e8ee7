// The contact cards: one node per contact, kept for as long as the contact is listed.
(function () {
  const { words } = window.stagelight;
  // Icon, word and meaning, as in pipeline/stages.py; a test compares them.
  const STAGES = {
    queued: ["🕐", "Queued", "Added to a run, waiting"],
    checking: ["🔍", "Checking", "Rules being verified"],
    eligible: ["✅", "Eligible", "Passed every check, waiting for its turn"],
    generating: ["⚡", "Generating", "Google AI is writing the message"],
    ready_to_send: ["🎯", "Ready", "Message written, waiting to be sent"],
    sending: ["📤", "Sending", "Being handed to Facebook"],
    sent: ["✅", "Sent", "Accepted by Facebook"],
    failed: ["❌", "Failed", "Needs a person"],
    skipped: ["⏭️", "Skipped", "Not this time, with a reason"],
    completed: ["✅", "Completed", "The sequence is over"],
  };
  // What a card offers, by what its contact allows: [act, word, look].
  const BUTTONS = {
    cancel: [["cancel", "Cancel"]], retry: [["retry", "Retry"]], again: [["again", "Retry…"]],
    review: [["reject", "Reject…"], ["edit", "Edit…"], ["approve", "Approve", "btn-primary"]],
  };
  const SINCE = { sent: "Sent", failed: "Failed", skipped: "Skipped", completed: "Completed" };
  const rows = new Map(), nodes = new Map();
  let order = [], most = Infinity, changed = new Set();

  const make = (tag, className, parent) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (parent) parent.appendChild(node);
    return node;
  };
  // Writing the text node in place keeps selections and costs no layout when nothing changed.
  const put = (node, text) => {
    const first = node.firstChild;
    if (!first) { if (text) node.textContent = text; } else if (first.nodeValue !== text) first.nodeValue = text;
  };
  const show = (node, text) => { if (node.hidden !== !text) node.hidden = !text; put(node, text || ""); };
  const button = (text, act, parent, look) => {
    const node = make("button", "btn btn-sm " + (look || "btn-soft"), parent);
    node.type = "button";
    node.dataset.act = act;
    node.textContent = text;
    return node;
  };

  // What the server said is kept at once; it is drawn when nobody is in the way of it.
  function take(answer) {
    if (answer.all) { rows.clear(); order = []; }
    for (const { "-": gone, ...fields } of answer.cards || []) {
      const row = { ...rows.get(fields.id), ...fields };
      for (const name of gone || []) delete row[name];
      rows.set(row.id, row);
      changed.add(row.id);
    }
    if (!answer.order) return;
    const before = order;
    order = answer.order.flatMap((entry) => (Array.isArray(entry) ? before.slice(entry[0], entry[0] + entry[1]) : [entry]));
    const listed = new Set(order);
    for (const id of rows.keys()) if (!listed.has(id)) rows.delete(id);
  }

  function build(id) {
    const card = make("article", "contact");
    card.dataset.stateId = id;
    card.tabIndex = -1;
    const top = make("div", "contact-top", card);
    const name = make("strong", "contact-name", top);
    name.dir = "auto";
    name.id = "contact-" + id;
    card.setAttribute("aria-labelledby", name.id);
    const tag = make("span", "stage-tag", top);
    const icon = make("span", "", tag);
    icon.setAttribute("aria-hidden", "true");
    const word = make("span", "", tag);
    const acts = make("div", "contact-acts", top);
    const told = button("Timeline", "timeline", acts, "btn-quiet");
    const message = make("p", "contact-message", card);
    message.dir = "auto";
    const error = make("p", "contact-error", card);
    const cause = make("strong", "", error);
    const hint = make("span", "", error);
    const facts = make("div", "contact-facts", card);
    const fact = (name) => make("span", name || "", facts);
    return {
      card, name, icon, word, acts, told, message, error, cause, hint, row: null,
      status: fact(), time: fact("ticks"), due: fact("ticks sends"), follow: fact(), written: fact(), attempt: fact(), check: fact("ticks"), gone: fact("gone-word"),
    };
  }

  function fill(node, row) {
    const [icon, word] = STAGES[row.stage] || ["", row.stage];
    const was = node.row;
    if (!was || was.stage !== row.stage || was.can !== row.can) {
      node.card.className = "contact st-" + row.stage + (was && was.stage !== row.stage && inSight.has(node) ? " moved" : "");
      node.card.dataset.stage = row.stage;
      node.card.dataset.can = row.can || "";
      put(node.icon, icon);
      put(node.word, row.can === "review" ? word + " · to review" : word);
      offer(node, row);
    }
    put(node.name, row.name);
    show(node.message, row.message);
    if (node.error.hidden !== !row.error) node.error.hidden = !row.error;
    put(node.cause, row.error || "");
    put(node.hint, row.hint ? " " + row.hint : "");
    node.error.title = row.code || "";
    show(node.status, row.lost ? "Its worker stopped; another that runs takes it up within 45 s" : row.status || (row.stage === "failed" ? "" : STAGES[row.stage][2]));
    show(node.follow, followUp(row));
    show(node.written, row.ai ? `Written in ${row.ai[0]} s` + (row.ai[1] ? ` · ${words.number(row.ai[1])} tokens` : "") : "");
    show(node.attempt, row.attempt ? "Attempt " + row.attempt : "");
    show(node.gone, "");
    node.row = row;
    count(node, clock);
  }

  const look = (seconds) => (seconds > 0 ? "Looks for it " + words.until(seconds) : "Looks for it soon");

  const followUp = ({ stage, up: [number, most] }) => (["failed", "skipped", "completed"].includes(stage) ? `${number} of ${most} follow-ups sent` : `Follow-up ${number}/${most}`);

  // A button that stays keeps its node, and with it the press or the focus that is on it.
  function offer(node, row) {
    const offers = BUTTONS[row.can] || [];
    const old = new Map([...node.acts.children].slice(1).map((each) => [each.dataset.act, each]));
    for (const [act, each] of old) if (!offers.some(([name]) => name === act)) each.remove();
    for (const [act, text, look] of offers) {
      const each = old.get(act) || button(text, act, node.acts, look);
      each.removeAttribute("aria-busy");
      each.setAttribute("aria-label", text.replace("…", "") + " " + row.name);
    }
    node.told.setAttribute("aria-label", "Timeline of " + row.name);
  }

  // Only what can be seen counts every second; a card that comes into sight is brought up to date then.
  const inSight = new Set();
  const sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const node = nodes.get(Number(target.dataset.stateId));
      if (!node) continue;
      if (!isIntersecting) { inSight.delete(node); continue; }
      inSight.add(node);
      count(node, clock);
    }
  }, { rootMargin: "300px 0px" });
  let clock = 0;

  function tick(now) {
    clock = now;
    for (const node of inSight) count(node, now);
  }

  function count(node, now) {
    const row = node.row, past = SINCE[row.stage];
    put(node.time, past ? past + " " + words.duration(now - row.since) + " ago" : "In stage " + words.duration(now - row.since));
    show(node.due, row.closes ? "Window closes " + words.until(row.closes - now) : row.send_at ? "Sends " + words.until(row.send_at - now) : "");
    const next = row.check_at - now;
    show(node.check, !row.check_at ? "" : row.stage === "sending" ? look(next) : next > 0 ? `Next check ${words.moment(row.check_at, now)} (${words.until(next)})` : "Next check is due");
  }

  function leave(id) {
    const node = nodes.get(id);
    sight.unobserve(node.card);
    inSight.delete(node);
    node.card.remove();
    nodes.delete(id);
  }

  // Only nodes outside the longest run that is already in order are moved; a moved node loses focus.
  function arrange(list) {
    const place = new Map([...list.children].map((child, index) => [child, index]));
    const wanted = listed().map((id) => nodes.get(id).card);
    const stays = longestIncreasing(wanted.map((card) => place.get(card) ?? -1));
    let next = null;
    for (let index = wanted.length - 1; index >= 0; index--) {
      if (!stays.has(index)) list.insertBefore(wanted[index], next);
      next = wanted[index];
    }
  }

  function longestIncreasing(places) {
    const tails = [], ends = [], before = new Array(places.length).fill(-1);
    places.forEach((place, index) => {
      if (place < 0) return;
      let low = 0, high = tails.length;
      while (low < high) { const middle = (low + high) >> 1; if (tails[middle] < place) low = middle + 1; else high = middle; }
      tails[low] = place;
      ends[low] = index;
      before[index] = low ? ends[low - 1] : -1;
    });
    const stays = new Set();
    for (let index = ends.length ? ends[ends.length - 1] : -1; index >= 0; index = before[index]) stays.add(index);
    return stays;
  }

  // What is shown of what the server said; on a phone the rest comes when it is asked for.
  const listed = () => order.slice(0, most);

  // Answers how many rows wait until the reader has left the list.
  function draw(list, reads, now, upTo) {
    clock = now;
    most = upTo;
    const wanted = new Set(listed());
    const waits = reads && nodes.size > 0;
    const dirty = [...changed].filter((id) => nodes.has(id) && rows.has(id));
    const heights = waits ? dirty.map((id) => nodes.get(id).card.offsetHeight) : [];
    for (const id of dirty) { fill(nodes.get(id), rows.get(id)); changed.delete(id); }
    if (waits) return hold(dirty, heights);
    for (const [id, node] of [...nodes]) {
      if (wanted.has(id)) { back(node, rows.get(id)); continue; }
      leave(id);
    }
    for (const id of wanted) {
      if (nodes.has(id)) continue;
      nodes.set(id, build(id));
      fill(nodes.get(id), rows.get(id));
      sight.observe(nodes.get(id).card);
    }
    changed.clear();
    const focus = document.activeElement;
    arrange(list);
    if (focus && focus !== document.activeElement && list.contains(focus)) focus.focus({ preventScroll: true });
    return 0;
  }

  function back(node, row) {
    node.card.style.minHeight = "";
    if (!node.card.classList.contains("gone")) return;
    node.card.classList.remove("gone");
    for (const each of node.acts.children) each.disabled = false;
    fill(node, row);
  }

  function hold(dirty, heights) {
    dirty.forEach((id, index) => {
      const card = nodes.get(id).card;
      if (card.offsetHeight < heights[index]) card.style.minHeight = heights[index] + "px";
    });
    for (const [id, node] of nodes) {
      if (rows.has(id) || node.card.classList.contains("gone")) continue;
      node.card.classList.add("gone");
      show(node.gone, "No longer in this list");
      for (const each of [...node.acts.children].slice(1)) each.disabled = true;
    }
    return listed().filter((id) => !nodes.has(id)).length;
  }

  // Whether the list shows something else, or in another order, than the server said last.
  function isBehind(list) {
    const wanted = listed();
    if (list.children.length !== wanted.length) return true;
    return wanted.some((id, index) => !nodes.has(id) || list.children[index] !== nodes.get(id).card);
  }

  // The row as it stands on the screen; a newer one may wait to be drawn.
  const shown = (id) => (nodes.get(id) || {}).row;

  function clear() { sight.disconnect(); inSight.clear(); nodes.clear(); rows.clear(); changed.clear(); order = []; }

  Object.assign(window.stagelight, {
    cards: {
      take, draw, tick, clear, isBehind, count: () => listed().length, held: () => order.length,
      row: (id) => rows.get(id) || shown(id), shown,
    },
    make, put, show, button, STAGES,
  });
})();
