import { idxDataset } from "../idx.ts";
import { fileOf } from "../pixels.ts";
import type { SetDefinition } from "../types.ts";

const folder = "usr/share/datasets/fashion-mnist/";
const maxFileBytes = 50_000_000;

/** Articles of clothing. Source: Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; the files have the official MD5s. */
export const fashionMnist: SetDefinition = {
  name: "fashion-mnist",
  title: "70,000 articles of clothing, 28×28 grey",
  licence: "MIT (Zalando SE); cite Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747",
  source: {
    kind: "deb",
    package: "dataset-fashion-mnist",
    version: "0.0~git20200523.55506a9-1",
    sha256: "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    bytes: 30_900_652,
  },
  classes: [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle-boot",
  ],
  groups: {
    clothes: ["t-shirt", "trouser", "pullover", "dress", "coat", "shirt"],
    accessories: ["sandal", "sneaker", "bag", "ankle-boot"],
  },
  channels: 1,
  height: 28,
  width: 28,
  counts: { train: 60_000, test: 10_000 },
  version: 1,
  fingerprint: "8356e8d3d13d14c7aaee8ac254dce2ab11945a4c07ec362aa79701fcd34a84a4",
  wants: (path) => path.startsWith(folder) && path.endsWith("-ubyte.gz"),
  maxFileBytes,
  maxBytes: 60_000_000,
  async decode(files, tools) {
    const open = (name: string): Promise<Uint8Array> =>
      tools.gunzip(fileOf(files, `${folder}${name}-ubyte.gz`, "fashion-mnist"), maxFileBytes);
    return idxDataset(fashionMnist, {
      trainImages: await open("train-images-idx3"),
      trainLabels: await open("train-labels-idx1"),
      testImages: await open("t10k-images-idx3"),
      testLabels: await open("t10k-labels-idx1"),
    });
  },
};
