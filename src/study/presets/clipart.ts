import type { PresetInput } from "./preset.ts";
import { vehicles } from "./vehicles.ts";

/** Style shift: photographs to clip art, the nearest free stand-in for DomainNet's clipart. */
export const clipart: PresetInput = {
  doc: "CIFAR-10 animals → clip art: photographs to drawings in twelve classes",
  config: {
    ...vehicles.config,
    name: "CIFAR-10 animals → clip art",
    question:
      "Photographs of animals, then drawings of twelve kinds of thing from 400 examples. How much carries over a change of style?",
    downstream: {
      data: { set: "openclipart-12", trainSize: 400 },
      recipe: { optimizer: "adamw", steps: 400, batch: 32, weightDecay: 0.01 },
    },
    validation: 200,
  },
};
