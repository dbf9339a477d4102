/**
 * How much is spent on one function before it is left undecided: questions to solvers, and steps of what is done without
 * them (instructions executed, terms tried on numbers). Counts and no clock, so that a verdict is the same on every machine.
 */
import { Undecided } from './undecided.ts';

export interface Limits {
  /** Questions to solvers about one function. */
  readonly questions: number;
  /** Instructions executed and terms computed on numbers. */
  readonly steps: number;
}

/** Functions that are validated took a few hundred questions and a tenth of these steps (the DNS example). */
export const defaultLimits: Limits = { questions: 3_000, steps: 60_000_000 };

export interface Effort {
  /** Counts so many steps; stops the function when there are too many. */
  readonly step: (count: number) => void;
  readonly question: (count: number) => void;
}

/** No other way to go about the function is tried then. */
export class Exhausted extends Undecided {}

export function createEffort(limits: Limits): Effort {
  let [steps, questions] = [0, 0];
  return {
    step: (count) => {
      steps += count;
      if (steps > limits.steps) throw new Exhausted(`it takes more than ${limits.steps} steps`);
    },
    question: (count) => {
      questions += count;
      if (questions > limits.questions) throw new Exhausted(`it takes more than ${limits.questions} questions`);
    },
  };
}
