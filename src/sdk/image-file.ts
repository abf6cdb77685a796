/** Whether a file can be seen, by its first bytes; it decodes nothing and knows no engine. */
import { readHead } from './file-head.ts';

const KINDS = ['89504e470d0a1a0a', 'ffd8ff', '424d', '474946383761', '474946383961'];
const HEAD_BYTES = 8;

/** The absolute path of a PNG, JPEG, BMP or GIF file; rejects with `ERR_INVALID_OPTION` for everything else. */
export async function checkImageFile(path: string): Promise<string> {
  const expected = '`images` to be PNG, JPEG, BMP or GIF files';
  const [{ path: absolute, head }, refuse] = await readHead(path, HEAD_BYTES, expected);
  const hex = head.toString('hex');
  if (!KINDS.some((kind) => hex.startsWith(kind))) throw refuse(`the first bytes ${hex}`);
  return absolute;
}
