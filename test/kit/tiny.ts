/** The smallest study there is: 9 training runs of 4 steps on generated images, and ten looks at them: about four seconds. */
export const tinyStudy = `name: Tiny
model: { arch: cnn, widths: [8, 8] }
upstream:
  data: { set: synthetic, trainSize: 64, testSize: 50 }
  recipe: { steps: 4, batch: 16 }
downstream:
  data: { set: synthetic, trainSize: 32, testSize: 50 }
  recipe: { steps: 4, batch: 16 }
learningRates: [0.02]
validation: 32
shuffles: [none, 8]
seeds: [0]
evaluations: 2
`;

/** A single run of a second. */
export const tinyTraining = `model: { arch: cnn, widths: [8, 8] }
data: { set: synthetic, classes: shapes, trainSize: 64, testSize: 100 }
recipe: { steps: 20, batch: 16 }
`;
