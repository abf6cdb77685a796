/** How large one call on a model is, as far as that decides what it takes. */
export interface CallInput {
  /** Elements of all its inputs together: calls with as many take the same. */
  readonly elements: number;
  readonly inputBytes: number;
  /** Bytes of its outputs, as far as the model tells. */
  readonly outputBytes: number;
}
