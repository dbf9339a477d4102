/**
 * Z3's resource units for one question, where nobody says otherwise. What is provable is mostly proved with a hundredth;
 * rounding up by div and mod (examples/contracts/arithmetic.ts) takes more than two millions.
 */
export const defaultSteps = 5_000_000;
