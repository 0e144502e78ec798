import type { PresetInput } from "./preset.ts";

/** Near pair: the same kind of photographs, other classes. Pretraining helps (data.md section 4). */
export const vehicles: PresetInput = {
  doc: "CIFAR-10 animals → vehicles: photographs to photographs; pretraining helps",
  config: {
    name: "CIFAR-10 animals → vehicles",
    question:
      "A small convolutional network learns six animals from 30,000 photographs. What of that helps it learn four vehicles from 400?",
    model: { arch: "cnn" },
    upstream: {
      data: { set: "cifar10", classes: "animals" },
      recipe: {
        optimizer: "adamw",
        learningRate: 0.003,
        epochs: 6,
        batch: 64,
        weightDecay: 0.01,
        augment: { flip: true },
      },
    },
    downstream: {
      data: { set: "cifar10", classes: "vehicles", trainSize: 400 },
      recipe: { optimizer: "adamw", steps: 400, batch: 32, weightDecay: 0.01 },
    },
    learningRates: [0.0003, 0.001, 0.003],
    shuffles: ["none", 16, 8, 4, 2, "pixel"],
    seeds: [0, 1, 2, 3, 4],
    evaluations: 16,
    curveImages: 1000,
  },
};
