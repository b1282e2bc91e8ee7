// Durations and clock times in words; the same rules as pages/_components/words.py.
(function () {
  const UNITS = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];

  function duration(seconds, exact) {
    const value = Math.max(0, seconds);
    if (exact && value < 9.95) return String(Math.round(value * 10) / 10) + " s";
    const whole = exact ? Math.round(value) : Math.floor(value);
    for (const [size, unit, smaller, smallUnit] of UNITS) {
      if (whole < size) continue;
      const rest = Math.floor((whole % size) / smaller);
      return Math.floor(whole / size) + " " + unit + (rest ? " " + rest + " " + smallUnit : "");
    }
    return whole + " s";
  }

  // One unit, for narrow places: 0.4 s, 12 s, 7 min, 3 h, 2 d.
  function brief(seconds) {
    const value = Math.max(0, seconds);
    if (value < 60) return duration(value, true);
    for (const [size, unit] of UNITS) if (value >= size) return Math.floor(value / size) + " " + unit;
    return "";
  }

  // mm:ss until something happens, longer waits in words, "due" when the time has come.
  function until(seconds) {
    if (seconds <= 0) return "due";
    if (seconds >= 3600) return "in " + duration(seconds);
    const whole = Math.floor(seconds);
    const pad = (n) => String(n).padStart(2, "0");
    return "in " + pad(Math.floor(whole / 60)) + ":" + pad(whole % 60);
  }

  // The zone a person has chosen for every browser (/preferences.js), else this browser's.
  let zone = "", clock, second, day;
  function tellIn(wanted) {
    const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const format = (options, timeZone) => new Intl.DateTimeFormat(undefined, { ...options, timeZone });
    try { format({}, wanted || undefined); } catch { wanted = ""; } // a zone that this browser does not know
    const timeZone = wanted || undefined;
    zone = wanted || Intl.DateTimeFormat().resolvedOptions().timeZone || "your zone";
    clock = format(time, timeZone);
    second = format({ ...time, second: "2-digit" }, timeZone);
    day = format({ weekday: "short", day: "numeric", month: "short" }, timeZone);
  }
  tellIn((window.stagelightPreferences || {}).zone);

  function told(times, epoch, now) {
    const then = new Date(epoch * 1000), today = day.format(new Date(now * 1000)) === day.format(then) && Math.abs(now - epoch) < 172800;
    return today ? times.format(then) : day.format(then) + ", " + times.format(then);
  }
  const moment = (epoch, now) => told(clock, epoch, now);
  const exact = (epoch, now) => told(second, epoch, now);

  const number = new Intl.NumberFormat("en");
  // For places of five characters: 9,999, then 10k, 1.2m.
  const rough = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const short = (n) => (n < 10000 ? number.format(n) : rough.format(n).toLowerCase());

  window.stagelight = Object.assign(window.stagelight || {}, {
    words: { duration, brief, until, moment, exact, tellIn, get zone() { return zone; }, number: (n) => number.format(n), short },
  });
})();
