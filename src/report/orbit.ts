import { viridis } from "../basin/chart/surface.ts";
import { shortNames, splitLabel } from "../basin/chart/names.ts";
import type { PlaneResults } from "../basin/results.ts";
import { type Html, markup } from "./html.ts";

/**
 * Places for surfaces that can be turned, one a split. They stay hidden unless the page's script runs: the contour maps
 * say the same. Numbers come from the results that the page carries, colours are the maps'.
 */
export function orbits({ surfaces, models }: PlaneResults): Html {
  const order = surfaces.toSorted((a, b) => Number(a.split === "train") - Number(b.split === "train"));
  const colors = viridis(48).join(" ");
  // Shortened together, as on the map: a/model.onnx and b/model.onnx are not both "model".
  const names = JSON.stringify(
    shortNames(
      models.map(({ name }) => name),
      24,
    ),
  );
  return markup`${order.map(
    ({ split }) =>
      markup`<div class="orbit" data-split="${split}" data-colors="${colors}" data-names="${names}" hidden>
        <h3>The loss as a surface, ${splitLabel[split]}</h3>
        <canvas
          tabindex="0"
          role="img"
          aria-label="The loss on the plane as a surface, ${splitLabel[split]}; the contour map shows the same numbers. Arrow keys turn it."
        ></canvas>
        <p class="caption">
          Drag, or use the arrow keys, to turn it. Height is the logarithm of the loss above its lowest value, cut
          where it is far higher; pins are the networks.
        </p>
      </div>`,
  )}`;
}

/** The script that draws them and turns them by pointer and keys. Nothing moves by itself. */
export const orbitScript = String.raw`
"use strict";
(() => {
  const results = JSON.parse(document.getElementById("results").textContent);
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  for (const box of document.querySelectorAll(".orbit")) {
    const surface = results.surfaces.find((one) => one.split === box.dataset.split);
    const canvas = box.querySelector("canvas");
    const pen = canvas.getContext("2d");
    const { x, y } = results;
    const losses = surface.loss.flat().filter((loss) => loss !== null).sort((a, b) => a - b);
    if (!pen || losses.length === 0 || x.length < 2 || y.length < 2) continue;
    box.hidden = false;
    const colors = box.dataset.colors.split(" ");
    const names = JSON.parse(box.dataset.names);
    const low = losses[0];
    const span = Math.max(losses[Math.floor(0.95 * (losses.length - 1))] - low, 1e-3);
    const rise = (loss) => (loss === null ? 1 : clamp(Math.log1p((50 * (loss - low)) / span) / Math.log(51), 0, 1));
    const heights = surface.loss.map((row) => row.map(rise));
    const middle = [(x[0] + x[x.length - 1]) / 2, (y[0] + y[y.length - 1]) / 2];
    const half = Math.max(x[x.length - 1] - x[0], y[y.length - 1] - y[0]) / 2;
    // A coarse grid is drawn in finer faces, so that each has the colour of its height.
    const fine = (at) => {
      const factor = Math.max(1, Math.round(40 / (at.length - 1)));
      const count = (at.length - 1) * factor;
      return Array.from({ length: count + 1 }, (_, i) => at[0] + ((at[at.length - 1] - at[0]) * i) / count);
    };
    let yaw = -0.6;
    let pitch = 0.75;

    // Height of the surface between grid points: linear in both directions.
    const heightAt = (px, py) => {
      const i = clamp(((px - x[0]) / (x[x.length - 1] - x[0])) * (x.length - 1), 0, x.length - 1.000001);
      const j = clamp(((py - y[0]) / (y[y.length - 1] - y[0])) * (y.length - 1), 0, y.length - 1.000001);
      const [a, b] = [Math.floor(i), Math.floor(j)];
      const [s, t] = [i - a, j - b];
      const mix = (row) => (1 - s) * row[a] + s * row[a + 1];
      return (1 - t) * mix(heights[b]) + t * mix(heights[b + 1]);
    };

    const [across, along] = [fine(x), fine(y)];
    const mesh = along.map((py) => across.map((px) => heightAt(px, py)));

    const draw = () => {
      const width = box.clientWidth;
      const height = Math.round(width * 0.64);
      const ratio = window.devicePixelRatio || 1;
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      canvas.style.height = height + "px";
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      const scale = 0.26 * width;
      const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
      // Parallel projection: across, down, and away from the reader.
      const place = (px, py, h) => {
        const [u, v] = [(px - middle[0]) / half, (py - middle[1]) / half];
        const away = u * sy + v * cy;
        return [width / 2 + scale * (u * cy - v * sy), 0.54 * height - scale * (0.75 * (h - 0.5) * cp + away * sp), away];
      };
      const corners = mesh.map((row, j) => row.map((h, i) => place(across[i], along[j], h)));
      const faces = [];
      for (let j = 0; j + 1 < along.length; j++)
        for (let i = 0; i + 1 < across.length; i++) {
          const four = [corners[j][i], corners[j][i + 1], corners[j + 1][i + 1], corners[j + 1][i]];
          const h = (mesh[j][i] + mesh[j][i + 1] + mesh[j + 1][i + 1] + mesh[j + 1][i]) / 4;
          faces.push({ four, h, away: four[0][2] + four[2][2] });
        }
      faces.sort((a, b) => b.away - a.away);
      pen.lineJoin = "round";
      for (const { four, h } of faces) {
        const color = colors[Math.round(h * (colors.length - 1))];
        pen.beginPath();
        for (const [px, py] of four) pen.lineTo(px, py);
        pen.closePath();
        pen.fillStyle = color;
        pen.fill();
        // Neighbouring faces would leave hairlines; the mesh shows the shape.
        pen.strokeStyle = "rgba(255,255,255,0.22)";
        pen.lineWidth = 0.7;
        pen.stroke();
      }
      const style = getComputedStyle(box);
      pen.font = "600 12px system-ui, sans-serif";
      pen.textAlign = "center";
      for (const model of results.models) {
        const h = heightAt(model.x, model.y);
        const [px, py] = place(model.x, model.y, h);
        const [, top] = place(model.x, model.y, h + 0.35);
        pen.strokeStyle = style.color;
        pen.lineWidth = 1.5;
        pen.beginPath();
        pen.moveTo(px, py);
        pen.lineTo(px, top);
        pen.stroke();
        pen.beginPath();
        pen.arc(px, py, 3.5, 0, 2 * Math.PI);
        pen.fillStyle = "#ffffff";
        pen.fill();
        pen.stroke();
        const text = names[results.models.indexOf(model)];
        pen.lineWidth = 4;
        pen.strokeStyle = style.getPropertyValue("--background");
        pen.strokeText(text, px, top - 5);
        pen.fillStyle = style.color;
        pen.fillText(text, px, top - 5);
      }
    };

    const turn = (aside, down) => {
      yaw += aside;
      pitch = clamp(pitch + down, 0.1, 1.25);
      draw();
    };
    let held = null;
    canvas.addEventListener("pointerdown", (event) => {
      held = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      turn((event.clientX - held[0]) * 0.01, (event.clientY - held[1]) * 0.008);
      held = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (held = null));
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] }[event.key];
      if (!step) return;
      event.preventDefault();
      turn(step[0], step[1]);
    });
    new ResizeObserver(draw).observe(box);
    document.getElementById("theme").addEventListener("click", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }
})();
`;
