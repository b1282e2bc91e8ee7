// What only one page needs is fetched with that page: its scripts, one after the other, then what they draw.
(function () {
  const none = () => window.dash_clientside.no_update;
  const loading = new Map();

  function fetched(address) {
    if (!loading.has(address)) loading.set(address, new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = done;
      script.onerror = () => { loading.delete(address); failed(new Error(address)); };
      document.head.append(script);
    }));
    return loading.get(address);
  }

  function load(addresses) {
    if (!addresses) return none();
    // They come in any order; each begins when it and those before it are there.
    const coming = addresses.map(fetched);
    coming.forEach((_, place) => Promise.all(coming.slice(0, place + 1)).then(() => window.stagelight.analytics.begin(place), () => {}));
    return none();
  }

  function draw(drawings) {
    if (drawings) window.stagelight.analytics.draw(drawings);
    return none();
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, { lazy: { load, draw } });
})();
