/** The order of audio and images in a conversation, which the library changes. It calls nothing. */
import { MemoryGuardError } from '../../core/errors.ts';
import type { ChatTurn } from '../chat-messages.ts';

/**
 * The library puts audio and images before the text of their message, and takes all images of a conversation before all audio. Refuses a
 * conversation in which they stand otherwise, since the model would hear and see something else.
 *
 * @throws MemoryGuardError `ERR_INVALID_OPTION`
 */
export function refuseMediaOrder(turns: readonly ChatTurn[]): void {
  let hasAudio = false;
  for (const [index, { parts }] of turns.entries()) {
    let hasText = false;
    for (const part of parts) {
      if (part.type === 'text') {
        hasText ||= part.text !== '';
        continue;
      }
      if (hasText) throw orderError(`${part.type} behind the text of its message`, index);
      if (part.type === 'image' && hasAudio) throw orderError('an image behind audio', index);
      hasAudio ||= part.type === 'audio';
    }
  }
}

function orderError(found: string, index: number): MemoryGuardError {
  const message = `Expected \`messages\` to have images first, then audio, then the text of their message, since the SDK's library takes them so, got ${found} (message ${index + 1}); put it first, or begin another conversation.`;
  return new MemoryGuardError('ERR_INVALID_OPTION', message);
}
