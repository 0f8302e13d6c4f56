"use strict";
(() => {
  const MOST_PIXELS_PER_SECOND = 2000;
  const WIDEST = 4e6; // pixels; browsers place nothing beyond some tens of millions

  const find = (selector) => document.querySelector(selector);
  const scroller = find(".scroller");
  const sheet = find(".sheet");
  const ticks = find(".ticks");
  const track = find(".mel .track");
  const tip = find(".tip");
  const audio = find("audio");
  const total = Number(sheet.dataset.seconds);
  const tickPixels = Number(sheet.dataset.tickPixels);
  const steps = sheet.dataset.steps.split(" ").map(Number);
  const mostLanes = Number(sheet.dataset.lanes);
  const around = sheet.getBoundingClientRect().width - track.getBoundingClientRect().width;
  const imageColumns = Number(sheet.dataset.columns);

  // Zoom: only the width of the sheet changes; ticks and lanes are chosen anew.

  const trackWidth = () => track.getBoundingClientRect().width;

  const label = (seconds, step) => {
    const decimals = step < 0.01 ? 3 : step < 0.1 ? 2 : step < 1 ? 1 : 0;
    if (total < 60) return seconds.toFixed(decimals);
    const rounded = Number(seconds.toFixed(decimals));
    const minutes = Math.floor(rounded / 60);
    const digits = decimals ? decimals + 3 : 2;
    const rest = (rounded - 60 * minutes).toFixed(decimals).padStart(digits, "0");
    if (total < 3600) return `${minutes}:${rest}`;
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  };

  const drawTicks = (width) => {
    const least = (tickPixels * total) / width;
    const days = steps.at(-1);
    const step = steps.find((each) => each >= least) ?? Math.ceil(least / days) * days;
    const drawn = document.createDocumentFragment();
    for (let i = 0; i * step <= total * (1 + 1e-9); i++) {
      const tick = document.createElement("i");
      tick.style.left = `${(100 * i * step) / total}%`;
      tick.append(document.createElement("b"));
      tick.firstChild.textContent = label(i * step, step);
      drawn.append(tick);
    }
    ticks.replaceChildren(drawn, ...overlays);
  };

  const words = [...document.querySelectorAll(".words li")].map((item) => ({
    item,
    text: item.textContent,
    start: Number(item.dataset.start),
    end: Number(item.dataset.end),
    title: item.title,
  }));
  words.forEach((word) => (word.width = word.item.firstChild.offsetWidth + 6));
  words.forEach(({ item, title }) => {
    item.removeAttribute("title"); // the tip below says it
    item.setAttribute("aria-description", title);
  });

  const placeWords = (width) => {
    const ends = Array(mostLanes).fill(0);
    let lanes = 1;
    for (const word of words) {
      const start = (word.start / total) * width;
      const lane = ends.findIndex((laneEnd) => laneEnd <= start);
      word.item.classList.toggle("thin", lane < 0);
      if (lane >= 0) {
        ends[lane] = Math.max((word.end / total) * width, start + word.width);
        lanes = Math.max(lanes, lane + 1);
        word.item.style.setProperty("--lane", lane);
      }
    }
    find(".words .track").style.setProperty("--lanes", lanes);
  };

  const draw = () => {
    const width = trackWidth();
    sheet.classList.toggle("coarse", width * devicePixelRatio < imageColumns);
    drawTicks(width);
    placeWords(width);
  };

  const zoomTo = (wanted, clientX) => {
    const box = track.getBoundingClientRect();
    const anchor = (clientX - box.left) / box.width;
    const least = scroller.clientWidth - around;
    const most = Math.max(least, Math.min(WIDEST, MOST_PIXELS_PER_SECOND * total));
    sheet.style.width = `${Math.min(most, Math.max(least, wanted)) + around}px`;
    draw();
    const moved = track.getBoundingClientRect();
    scroller.scrollLeft += moved.left + anchor * moved.width - clientX;
  };
  const zoomBy = (factor, clientX) => zoomTo(trackWidth() * factor, clientX);
  const middle = () => {
    const box = scroller.getBoundingClientRect();
    return box.left + box.width / 2;
  };

  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoomBy(Number(button.dataset.zoom), middle()));
  }
  scroller.addEventListener("keydown", (event) => {
    const factor = { "+": 2, "=": 2, "-": 0.5, 0: 0 }[event.key];
    if (factor !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      zoomBy(factor, middle());
    }
  });
  scroller.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey) {
        event.preventDefault();
        zoomBy(Math.exp(-event.deltaY / 300), event.clientX);
      }
    },
    { passive: false },
  );

  // What is under the pointer.

  const overlay = (name) => {
    const element = document.createElement("div");
    element.className = name;
    element.hidden = true;
    return element;
  };
  const cursor = overlay("cursor");
  const playhead = overlay("playhead");
  const overlays = [cursor, playhead];

  const tokenTrack = find(".tokens .track");
  const tokenLabels = [...document.querySelectorAll(".tokens .axis li")].map(
    (item) => item.textContent,
  );
  const tokenColumns = Number(tokenTrack.dataset.columns);
  const secondsPerColumn = Number(tokenTrack.dataset.secondsPerColumn);
  const values = Uint8Array.from(atob(tokenTrack.dataset.values), (byte) => byte.charCodeAt(0));
  const probability = (row, column) => values[row * tokenColumns + column] / 254;

  const tokenLines = (seconds, row) => {
    const column = Math.floor(seconds / secondsPerColumn);
    if (!(column < tokenColumns)) return [];
    const describe = (r) => `${tokenLabels[r]}: ${probability(r, column).toFixed(2)}`;
    const likely = tokenLabels
      .map((_, r) => r)
      .filter((r) => probability(r, column) >= 0.05)
      .sort((a, b) => probability(b, column) - probability(a, column))
      .slice(0, 3)
      .map(describe)
      .join(", ");
    const lines = likely ? [`likely tokens \u2014 ${likely}`] : [];
    return row === undefined ? lines : [`token ${describe(row)}`, ...lines];
  };

  const melLine = (target, place) => {
    const bins = Number(target.dataset.bins);
    const bin = Math.min(bins - 1, Math.floor(place * bins));
    const mel = (hz) => 1127 * Math.log(1 + hz / 700);
    const step = (mel(Number(target.dataset.highestHz)) - mel(20)) / (bins + 1);
    const hz = 700 * (Math.exp((mel(20) + (bin + 1) * step) / 1127) - 1);
    return `mel bin ${bin}, ${hz.toFixed(0)} Hz`;
  };

  const wordLine = (seconds) => {
    const spoken = words.filter((word) => word.start <= seconds && seconds < word.end);
    return spoken.map((word) => `word \u201c${word.text}\u201d, ${word.title}`);
  };

  const timeAt = (clientX) => {
    const box = track.getBoundingClientRect();
    return ((clientX - box.left) / box.width) * total;
  };

  const moveTo = (line, seconds) => {
    line.style.left = `${(100 * seconds) / total}%`;
    line.hidden = false;
  };

  const hide = () => {
    tip.hidden = true;
    cursor.hidden = true;
  };

  scroller.addEventListener("pointermove", (event) => {
    const target = event.target.closest(".track");
    const seconds = timeAt(event.clientX);
    if (!target || seconds < 0 || seconds > total) {
      hide();
      return;
    }
    const box = target.getBoundingClientRect();
    const place = Math.min(0.9999, Math.max(0, (event.clientY - box.top) / box.height));
    const isTokens = target === tokenTrack;
    const lines = [
      `${seconds.toFixed(total < 600 ? 3 : 2)} s`,
      ...(target === track ? [melLine(target, 1 - place - 1e-9)] : []),
      ...tokenLines(seconds, isTokens ? Math.floor(place * tokenLabels.length) : undefined),
      ...wordLine(seconds),
    ];
    tip.textContent = lines.join("\n");
    moveTo(cursor, seconds);
    tip.hidden = false;
    const left = event.clientX + 16 + tip.offsetWidth < innerWidth ? 16 : -16 - tip.offsetWidth;
    const top = event.clientY + 16 + tip.offsetHeight < innerHeight ? 16 : -16 - tip.offsetHeight;
    tip.style.left = `${Math.max(0, event.clientX + left)}px`;
    tip.style.top = `${Math.max(0, event.clientY + top)}px`;
  });
  scroller.addEventListener("pointerleave", hide);

  // Playing.

  if (audio) {
    const follow = () => {
      moveTo(playhead, audio.currentTime);
      if (!audio.paused) {
        const x = playhead.getBoundingClientRect().left;
        const box = scroller.getBoundingClientRect();
        if (x < box.left + around || x > box.right - 40) {
          scroller.scrollLeft += x - box.left - around - 40;
        }
        requestAnimationFrame(follow);
      }
    };
    audio.addEventListener("play", follow);
    audio.addEventListener("seeked", follow);
    scroller.addEventListener("click", (event) => {
      const seconds = timeAt(event.clientX);
      if (event.target.closest(".track") && seconds <= audio.duration) {
        audio.currentTime = seconds;
      }
    });
  }

  find(".zoom").hidden = false;
  addEventListener("resize", draw);
  draw();
})();
