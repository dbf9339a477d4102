/**
 * `casemate verify --rebuild DIR`: the project is built once more with its evidence, and all that follows from a build is
 * held against what the evidence says: inputs, the table of trusted code, the stack's bound, wipes, assumptions, verdicts
 * of translation validation.
 *
 * No reader of an image can find these out, and whoever has the project need not believe them. What a machine was tried
 * for is no part of it, nor is what the package manager of the place says of a file. A reader with other tools than the
 * builder's who gets the same image has shown more than one with the same; but where the rest differs then, nobody can
 * say that it is untrue.
 */
import { printable } from '../base/errors.ts';
import type { Evidence } from '../evidence/evidence.ts';
import type { ReadBundle } from './bundle-file.ts';
import { type Account, compareById, differenceOf, many, same } from './verify-account.ts';

/** Builds the project again as the evidence says that it was built; what comes of it. */
export type Rebuild = (evidence: Evidence) => Promise<Evidence>;

/** What a build of the same project with the same tools says again, whoever does it and wherever. */
function repeatable({ tools: _, validation: __, ...evidence }: Evidence): object {
  const { inputs, findings, kernel, controls, proofs } = evidence;
  return {
    ...evidence,
    inputs: inputs.map(({ package: _package, ...input }) => input),
    findings: findings.filter(({ state }) => state !== 'exercised'),
    // Held against the sources already, and asked of Coq (verify-coq.ts).
    ...(proofs && { proofs: { ...proofs, coq: undefined } }),
    // The reader's own file may have another name.
    ...(kernel && { kernel: { ...kernel, name: '' } }),
    controls: controls.map(({ tool: _tool, ...control }) => control),
  };
}

/** Verdicts of one function; time may run out here and not there, and then nobody knows. */
function checkVerdicts(account: Account, claimed: Evidence, found: Evidence): void {
  if (claimed.validation === undefined && found.validation === undefined) return;
  const equal = compareById(account, claimed.validation ?? [], found.validation ?? [], (one, own) => {
    if (same(one, own)) return undefined;
    const isOpen = one.verdict === 'undecided' || own.verdict === 'undecided';
    return { list: isOpen ? 'undecided' : 'untrue', text: differenceOf(one, own) };
  });
  account.checked.push(`${many(equal, 'verdict')} of translation validation, found again`);
}

function checkPackages({ trusted, checked }: Account, claimed: Evidence, found: Evidence): void {
  const named = claimed.inputs.filter((one) => one.package !== undefined);
  const own = new Map(found.inputs.map((one) => [`${one.kind} ${one.name}`, one.package]));
  const other = named.filter((one) => !same({ of: own.get(`${one.kind} ${one.name}`) }, { of: one.package }));
  if (other.length > 0)
    trusted.push(`which packages ${many(other.length, 'input')} came with: the packages here are others`);
  else if (named.length > 0) checked.push(`which packages ${many(named.length, 'input')} came with`);
}

/** Whether the project makes this image and this evidence; all that is found goes into the account. */
export async function checkRebuild(
  account: Account,
  { evidence }: Pick<ReadBundle, 'evidence'>,
  rebuild: Rebuild,
): Promise<boolean> {
  const { name, sha256: wanted } = evidence.image;
  const found = await rebuild(evidence);
  const say = (list: 'untrue' | 'undecided', text: string): void => void account[list].push(printable(text, 1000));
  if (found.image.sha256 !== wanted) {
    say('untrue', `${name}: built again it has SHA-256 ${found.image.sha256}; the evidence says ${wanted}`);
    return false;
  }
  account.checked.push(`${name}: built again from the project, to the same bytes`);
  const hasSameTools = same(evidence.tools, found.tools);
  if (!hasSameTools)
    account.trusted.push(
      printable(`which tools it was built with: of those here ${differenceOf(evidence.tools, found.tools)}`, 500),
    );
  checkVerdicts(account, evidence, found);
  checkPackages(account, evidence, found);
  const [claimed, own] = [repeatable(evidence), repeatable(found)];
  if (same(claimed, own)) {
    account.checked.push('all else that evidence.json says of the build, said again by a build');
    return true;
  }
  const text = `evidence.json: built again, ${differenceOf(claimed, own)}`;
  if (hasSameTools) say('untrue', text);
  else say('undecided', `${text}; by other tools`);
  return false;
}
