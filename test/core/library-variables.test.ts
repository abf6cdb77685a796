import { expect, test } from 'vitest';
import { listOwnVariables, watchVariables } from '../../src/core/library-variables.ts';

test('what a library sets is not the own, and what was there before is', () => {
  const environment: NodeJS.ProcessEnv = { OTHER: 'x', ONE: 'mine' };
  const note = watchVariables(['ONE', 'TWO'], environment);
  environment['ONE'] = 'its';
  environment['TWO'] = 'its';
  note();
  expect(listOwnVariables(environment)).toEqual({ OTHER: 'x', ONE: 'mine' });
  // A second library sets them again: what the first left is no more the own than that.
  const noteAgain = watchVariables(['ONE', 'TWO'], environment);
  environment['ONE'] = 'of the second';
  environment['TWO'] = 'of the second';
  noteAgain();
  expect(listOwnVariables(environment)).toEqual({ OTHER: 'x', ONE: 'mine' });
  environment['TWO'] = 'set by the program since';
  expect(listOwnVariables(environment)).toEqual({ OTHER: 'x', ONE: 'mine', TWO: 'set by the program since' });
});

test('what no library has changed stays', () => {
  const environment: NodeJS.ProcessEnv = { THREE: 'mine' };
  watchVariables(['THREE', 'FOUR'], environment)();
  expect(listOwnVariables(environment)).toEqual({ THREE: 'mine' });
});
