/**
 * The page's own script, run in the reader's browser. Without it everything can still be read and downloaded; with it,
 * points tell their numbers (pointer, touch, arrow keys), keys of a legend bring their series out, the page changes
 * between light and dark, and printing opens what is folded.
 */
export const script = String.raw`
"use strict";
(() => {
  const root = document.documentElement;
  const tip = document.getElementById("tip");
  const reach = 26;
  let pointed = null;

  const leave = () => {
    if (pointed) pointed.classList.remove("pointed");
    pointed = null;
    tip.hidden = true;
  };
  const middle = (element) => {
    const box = element.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  let byKey = false;
  const point = (element, key = false) => {
    byKey = key;
    if (element === pointed) return;
    leave();
    pointed = element;
    element.classList.add("pointed");
    tip.textContent = element.getAttribute("data-tip");
    tip.hidden = false;
    place(element);
  };
  const place = (element) => {
    const [x, y] = middle(element);
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - box.width / 2), innerWidth - box.width - 8);
    const above = y - box.height - 14;
    tip.style.left = left + "px";
    tip.style.top = (above > 4 ? above : y + 14) + "px";
  };

  for (const svg of document.querySelectorAll("figure svg")) {
    const points = [...svg.querySelectorAll("[data-tip]")];
    const nearest = (event) => {
      let best = null;
      let distance = reach;
      for (const one of points) {
        if (one.closest(".faded")) continue;
        const [x, y] = middle(one);
        const away = Math.hypot(x - event.clientX, y - event.clientY);
        if (away < distance) [best, distance] = [one, away];
      }
      if (best) point(best);
      else leave();
    };
    svg.addEventListener("pointermove", nearest);
    svg.addEventListener("pointerdown", nearest);
    svg.addEventListener("pointerleave", leave);
    if (points.length > 0) {
      svg.setAttribute("tabindex", "0");
      svg.addEventListener("blur", leave);
      svg.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        const from = points.indexOf(pointed);
        point(points[from < 0 ? 0 : (from + step + points.length) % points.length], true);
      });
    }

    const keys = [...svg.querySelectorAll("[data-key]")];
    let kept = null;
    const bringOut = (name) => {
      for (const group of svg.querySelectorAll("[data-series]")) {
        group.classList.toggle("faded", name !== null && group.getAttribute("data-series") !== name);
      }
      for (const key of keys) key.classList.toggle("faded", name !== null && key.getAttribute("data-key") !== name);
    };
    for (const key of keys) {
      const name = key.getAttribute("data-key");
      key.setAttribute("tabindex", "0");
      key.setAttribute("role", "button");
      const choose = () => {
        kept = kept === name ? null : name;
        key.setAttribute("aria-pressed", String(kept === name));
        bringOut(kept);
      };
      key.addEventListener("pointerenter", () => bringOut(name));
      key.addEventListener("pointerleave", () => bringOut(kept));
      key.addEventListener("click", choose);
      key.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        choose();
      });
    }
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") leave();
  });
  // Focusing a figure may scroll the page: a point chosen by key stays chosen, and its numbers move along.
  addEventListener("scroll", () => (pointed && byKey ? place(pointed) : leave()), { passive: true });

  const button = document.getElementById("theme");
  const isDark = () => getComputedStyle(root).colorScheme === "dark";
  const name = () => {
    button.textContent = isDark() ? "light page" : "dark page";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.setAttribute("data-theme", isDark() ? "light" : "dark");
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();

  const link = document.getElementById("results-link");
  link.addEventListener("click", () => {
    const text = document.getElementById("results").textContent;
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  });

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
})();
`;
