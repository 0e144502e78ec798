import type { PresetInput } from "./preset.ts";

/** Near pair: the same kind of photographs, other classes. Pretraining helps (data.md section 4). */
export const vehicles: PresetInput = {
  doc: "CIFAR-10 animals → vehicles: photographs to photographs; pretraining helps",
  config: {
    name: "CIFAR-10 animals → vehicles",
    question: "A small convolutional network learns six animals from 30,000 photographs. What of that helps it learn four vehicles from 400?",
    model: { arch: "cnn" },
    upstream: {
      data: { set: "cifar10", classes: "animals" },
      recipe: { learningRate: 0.05, epochs: 5, batch: 64, augment: { flip: true } },
    },
    downstream: {
      data: { set: "cifar10", classes: "vehicles", trainSize: 400 },
      recipe: { steps: 400, batch: 32 },
    },
    learningRates: [0.01, 0.03, 0.1],
    shuffles: ["none", 16, 8, 4, 2, "pixel"],
    seeds: [0, 1, 2],
    evaluations: 16,
    curveImages: 1000,
  },
};
