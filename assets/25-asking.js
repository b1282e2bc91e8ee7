// What Dash asks the server: a request has an end, and who waits for it is told when no good answer came.
// Dash tells nobody but the console, and an answer that breaks off half way leaves it with a callback that never ends.
(function () {
  const NOTHING_NEW = 204;
  const watched = [];
  const fetchAsBefore = window.fetch;

  // `begin` is called when a request for one of these outputs starts, and what it answers when that ends: with how it went.
  // `limit` is in ms, or what says so when it starts.
  // When that says false, nobody wants the answer any more: Dash is told that nothing is new.
  function watch(outputs, limit, begin) { watched.push({ outputs, limit, begin }); }

  function outputOf(options) {
    const body = options && typeof options.body === "string" ? options.body.slice(0, 400) : "";
    return body.startsWith('{"output":') ? body.slice(0, body.indexOf('"outputs"')) : "";
  }

  window.fetch = function (address, options) {
    const output = outputOf(options);
    const found = output && watched.find(({ outputs }) => outputs.some((name) => output.includes(name)));
    return found ? ask(found, output, address, options) : fetchAsBefore.call(window, address, options);
  };

  async function ask({ limit, begin }, output, address, options) {
    const ended = begin(output);
    const { status, ok, body, headers } = await whole(address, options, limit);
    const good = ended({ ok, status }) !== false && ok;
    return new Response(good && status !== NOTHING_NEW ? body : null, { status: good ? status : NOTHING_NEW, headers });
  }

  // The whole answer, or status 0: the limit holds until its last byte.
  async function whole(address, options, limit) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), typeof limit === "function" ? limit() : limit);
    try {
      const answer = await fetchAsBefore.call(window, address, { ...options, signal: stop.signal });
      const body = await answer.arrayBuffer();
      return { status: answer.status, ok: answer.ok, body, headers: answer.headers };
    } catch {
      return { status: 0, ok: false };
    } finally {
      clearTimeout(timer);
    }
  }

  window.stagelight = Object.assign(window.stagelight || {}, { asking: { watch } });
})();
