/** What runs in the process that asks an engine: it opens one build, checks it, and answers. It knows no channel. */

import { loadAddon } from '../../addon/load-addon.ts';
import type { EngineFiles } from '../../core/engine-files.ts';
import { readMessage } from '../../core/errors.ts';
import { checkSimulation } from './check-simulation.ts';
import { EngineSimulation } from './engine-simulation.ts';
import type { AnswerMessage, QuestionMessage } from './question-message.ts';

/** Returns the function that takes the program's messages. What it answers goes to `send`. */
export function serveQuestions(
  send: (message: AnswerMessage) => void,
  open: (engine: EngineFiles) => EngineSimulation = openSimulation,
): (message: QuestionMessage) => void {
  let simulation: EngineSimulation | undefined;
  return ({ engine, checked, question }) => {
    try {
      if (!simulation) {
        simulation = open(engine);
        if (!checked) checkSimulation(simulation);
      }
    } catch (error) {
      send({ problem: say(error), believed: false });
      return;
    }
    try {
      send({ answer: simulation.answer(question) });
    } catch (error) {
      send({ problem: say(error), believed: true });
    }
  };
}

function openSimulation({ libraries, backends = '' }: EngineFiles): EngineSimulation {
  const Library = loadAddon()?.EngineLibrary;
  if (!Library) throw new Error('this system has no way to ask one');
  return new EngineSimulation(new Library(libraries, backends));
}

/** In the engine's own words. */
function say(error: unknown): string {
  return readMessage(error);
}
