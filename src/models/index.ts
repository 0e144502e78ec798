export { cnn } from "./cnn.ts";
export { mlp } from "./mlp.ts";
export { resnet } from "./resnet.ts";
export { vgg } from "./vgg.ts";
export { vit } from "./vit.ts";
