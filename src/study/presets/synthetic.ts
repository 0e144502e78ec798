import type { PresetInput } from "./preset.ts";

/** Generated images, no download, seconds: for trying the program out and for its own tests. Shows nothing about the world. */
export const synthetic: PresetInput = {
  doc: "generated images, no download, under a minute: to try the program out",
  config: {
    name: "Synthetic textures",
    question: "Generated images: this preset tries the program, not the science.",
    model: { arch: "cnn", widths: [16, 16] },
    upstream: {
      data: { set: "synthetic", trainSize: 320, testSize: 200 },
      recipe: { learningRate: 0.05, steps: 60, batch: 32 },
    },
    downstream: {
      data: { set: "synthetic", trainSize: 64, testSize: 200 },
      recipe: { steps: 30, batch: 32 },
    },
    learningRates: [0.02, 0.05],
    validation: 64,
    shuffles: ["none", 8, "pixel"],
    seeds: [0, 1, 2],
    evaluations: 6,
  },
};
