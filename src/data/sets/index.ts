export { cifar10 } from "./cifar10.ts";
export { fashionMnist as "fashion-mnist" } from "./fashion-mnist.ts";
export { mnist } from "./mnist.ts";
export { synthetic } from "./synthetic.ts";
