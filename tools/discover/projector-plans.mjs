/** What each type of projector has that the engine doesn't ask for, and the dims that only it has. */
import { AUDIO_PLANS } from './audio-plans.mjs';
import { BIASED_VISION_PLANS } from './biased-vision-plans.mjs';
import { GATED_VISION_PLANS } from './gated-vision-plans.mjs';

/** @typedef {import('../gguf-file.mjs').ValueType} ValueType */
/**
 * @typedef {object} ProjectorPlan
 * @property {'vision' | 'audio'} kind
 * @property {string[]} tensors beside those that the engine asks for
 * @property {Record<string, readonly number[]>} [dims] of tensors by name
 * @property {Record<string, [ValueType, unknown]>} [keys] behind `clip.vision.` or `clip.audio.`
 */

/** @type {Readonly<Record<string, ProjectorPlan>>} by the engine's name of the type, and what else they have */
export const PROJECTOR_PLANS = { ...BIASED_VISION_PLANS, ...GATED_VISION_PLANS, ...AUDIO_PLANS };
