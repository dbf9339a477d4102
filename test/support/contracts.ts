/** Proving texts in tests: the whole way from source to verdicts, without files. */
import { showDiagnostic } from '../../analyzers/diagnostics.ts';
import type { Program } from '../../analyzers/ir.ts';
import { type Analysis, analyze } from '../../analyzers/typescript/analyze.ts';
import { createAsk, readLibrary } from '../../pipeline/prove.ts';
import { openProver } from '../../proofs/smt/prover.ts';
import { type Ask, type FunctionResult, type Result, verifyProgram } from '../../proofs/verify.ts';

export const library = readLibrary();
/**
 * Z3 alone, so that nothing here hangs on a second solver that a user need not have. Of all test files that one process
 * runs; nothing is started before the first question, and its workers end with the process.
 */
const prover = openProver({ steps: 3_000_000, records: false });

/** Asks the shared prover. */
export const askProver = (steps?: number): Ask => createAsk(prover, steps);

const names =
  'assert, assertBits, bytes, decreases, exists, forall, ghost, implies, invariant, old, table, type i16, type i32, type i64, type i8, type u16, type u32, type u64, type u8';

/** A module with everything imported, on one line, so that lines count from the text's own first as 2. */
export const withImports = (text: string): string => `import { ${names} } from 'casemate';\n${text}`;

export const analyzeText = (text: string): Analysis => analyze([{ name: 'test.ts', text: withImports(text) }], library);

/** Diagnostics as they are printed. */
export function complaints(text: string): string {
  const { diagnostics, sources } = analyzeText(text);
  return diagnostics.map((diagnostic) => showDiagnostic(sources, diagnostic)).join('');
}

export function programOf(text: string): Program {
  const { program, diagnostics, sources } = analyzeText(text);
  if (program === undefined) throw new Error(diagnostics.map((one) => showDiagnostic(sources, one)).join(''));
  return program;
}

export async function proveText(text: string, budget?: number): Promise<FunctionResult[]> {
  return verifyProgram(programOf(text), { ask: askProver(budget) });
}

/** What does not hold, as `name: status, diagnosis`. */
export function failures(results: readonly FunctionResult[]): string[] {
  return results.flatMap(({ results: own }) =>
    own.flatMap(({ obligation, status, diagnosis }: Result) =>
      status === 'proved' ? [] : [`${obligation.name}: ${status}, ${diagnosis}`],
    ),
  );
}
