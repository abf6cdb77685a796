/** What is known of a sound before it is decoded. It is a type and no behaviour. */

export interface Sound {
  /** What the engine's decoder makes of it at most. */
  readonly mostSeconds: number;
  /** What it makes of it at least. Only an MP3 has a smaller one, since a tag in it may take something off. */
  readonly leastSeconds: number;
  readonly channels: number;
  /** Samples of one channel per second. */
  readonly sampleRate: number;
}
