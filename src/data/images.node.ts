import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import sharp from "sharp";
import { ScopeError } from "../base/error.ts";
import { stopIfAborted } from "./stop.ts";
import type { DataEnv, DecodeTools, Pixels } from "./types.ts";

// Each image is read once, so a cache only costs memory; parallelism comes from decoding several images at a time.
sharp.cache(false);
sharp.concurrency(1);

/** The image format a file's first bytes announce; undefined for any we do not take. */
export function imageFormat(bytes: Uint8Array): "PNG" | "JPEG" | "WebP" | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(12, bytes.byteLength)).toString("latin1");
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (head.startsWith("\xff\xd8\xff")) return "JPEG";
  if (head.startsWith("RIFF") && head.endsWith("WEBP")) return "WebP";
  return undefined;
}

/**
 * Decodes a PNG, JPEG or WebP file to 8-bit sRGB or grey pixels, upright as its orientation tag says.
 * Only these three formats ever reach the decoder, whatever the file is called.
 * @throws {ScopeError} data, with the reason, for other formats, broken or truncated files, and more than `maxPixels`
 */
export async function decodeImage(bytes: Uint8Array, maxPixels: number): Promise<Pixels> {
  if (bytes.length === 0) throw new ScopeError("data", "the file is empty");
  if (imageFormat(bytes) === undefined) throw new ScopeError("data", "not a PNG, JPEG or WebP image");
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: "error" })
      .autoOrient()
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, channels: info.channels, data };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0]! : String(cause);
    throw new ScopeError("data", reason.replace(/^Input buffer (has|contains)/, "it $1"), { cause });
  }
}

/** Gzip, with a limit on what comes out. @throws {ScopeError} format */
async function gunzipLimited(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    throw new ScopeError("format", `a gzip file is broken or unpacks to more than ${maxBytes} bytes`, {
      cause,
    });
  }
}

/** SHA-256, hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The tools of Node for a set's `decode`. `what` names the work in progress reports. */
export function decodeTools(what: string, env: DataEnv): DecodeTools {
  return {
    async image(bytes, name, maxPixels) {
      try {
        return await decodeImage(bytes, maxPixels);
      } catch (cause) {
        throw new ScopeError("data", `${what}: ${name}: ${(cause as Error).message}`, { cause });
      }
    },
    gunzip: gunzipLimited,
    sha256,
    progress(done, total, unit) {
      stopIfAborted(env.signal, what);
      env.onProgress?.({ what, done, total, unit });
    },
  };
}
