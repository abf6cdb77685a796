/**
 * Knows the first bytes of other file formats, so that an error can name what was found instead of GGUF. It must not read
 * files.
 */

/** How many first bytes are looked at. */
export const IDENTIFYING_BYTES = 64;

const WRONG_DOWNLOAD = 'download the model file itself, not the page about it';
const CONVERT = "convert it with llama.cpp's convert_hf_to_gguf.py or download a .gguf of the model";

type Mark = readonly [pattern: RegExp, found: string, advice: string];

const TEXT_MARKS: readonly Mark[] = [
  [/^version https:\/\/git-lfs/, 'a git-lfs pointer', 'fetch the file it points to with `git lfs pull`'],
  [/^\s*<(!doctype|html|\?xml)/i, 'a web page', WRONG_DOWNLOAD],
  [/^\s*[{[]/, 'JSON', WRONG_DOWNLOAD],
  [/^FUGG/, 'a GGUF file with its mark reversed', 'convert it for little-endian machines'],
  [/^(lmgg|fmgg|tjgg|algg)/, 'a GGML file from before GGUF', 'download a .gguf of the model'],
];

const HEX_MARKS: readonly Mark[] = [
  [/^504b0[357]/, 'a ZIP archive or PyTorch checkpoint', CONVERT],
  // A safetensors file begins with the length of its JSON as u64; the JSON follows.
  [/^.{10}0000007b22/, 'a safetensors file', CONVERT],
  [/^800[2-5]/, 'a Python pickle or PyTorch checkpoint', CONVERT],
  [/^89484446/, 'an HDF5 file', CONVERT],
  [/^1f8b/, 'a gzip archive', 'unpack it'],
  [/^28b52ffd/, 'a zstd archive', 'unpack it'],
  [/^(00)+$/, 'zeros only', 'wait for the download or download it again'],
];

/** Names what a file that begins with `head` looks like, and says what to do about it. */
export function identifyFile(head: Buffer): [found: string, advice: string] {
  for (const [marks, encoding] of [
    [HEX_MARKS, 'hex'],
    [TEXT_MARKS, 'latin1'],
  ] as const) {
    const text = head.toString(encoding, 0, IDENTIFYING_BYTES);
    for (const [pattern, found, advice] of marks) if (pattern.test(text)) return [found, advice];
  }
  return [`the bytes ${head.toString('hex', 0, 8)}`, 'pass the path of a .gguf file'];
}
