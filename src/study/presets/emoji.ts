import type { PresetInput } from "./preset.ts";
import { vehicles } from "./vehicles.ts";

/** Far pair: photographs to drawn symbols. Pretraining does not help (data.md section 4): an instrument must show that too. */
export const emoji: PresetInput = {
  doc: "CIFAR-10 animals → emoji: photographs to drawn symbols; pretraining does not help",
  config: {
    ...vehicles.config,
    name: "CIFAR-10 animals → emoji",
    question:
      "The same network, now asked to tell nine kinds of emoji apart from 400 of them. Does what it learned from photographs still help?",
    downstream: {
      data: { set: "emoji-google", trainSize: 400 },
      recipe: { optimizer: "adamw", steps: 400, batch: 32, weightDecay: 0.01 },
    },
    validation: 200,
  },
};
