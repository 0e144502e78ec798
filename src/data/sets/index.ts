export { cifar10 } from "./cifar10.ts";
export { emojiGoogle as "emoji-google" } from "./emoji-google.ts";
export { emojiTwitter as "emoji-twitter" } from "./emoji-twitter.ts";
export { fashionMnist as "fashion-mnist" } from "./fashion-mnist.ts";
export { mnist } from "./mnist.ts";
export { openclipart12 as "openclipart-12" } from "./openclipart-12.ts";
export { synthetic } from "./synthetic.ts";
