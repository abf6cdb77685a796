/** What an adapter tells of an ONNX model whose files it can't read: how large they are, and what they hold. It knows no memory numbers. */

/** All sizes are bytes. */
export interface OnnxSizes {
  /** Of the `.onnx` files: graphs, and the weights that stand in them. */
  readonly graphBytes: number;
  /** Of the files beside them that hold weights. */
  readonly dataBytes: number;
  /** Of the tokenizer's file; 0 if none is loaded. */
  readonly tokenizerBytes: number;
  /** Its weights are numbers of 16 bits, which the CPU computes with as numbers of 32. */
  readonly halves: boolean;
}
