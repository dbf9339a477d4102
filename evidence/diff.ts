/**
 * What changed between two releases: in protections, devices, functions, segments, size, trusted code, assumptions, inputs
 * and tools.
 *
 * Who decides on an update asks first what the new image may do that the old one could not, and what is no longer shown
 * of it. That is set apart as `worse`, each in one line: a finding that fails now, or is not looked at any more, or rests
 * on a weaker ground; a clause that is no longer promised; an assumption more; a device more. All else is told and judged
 * by nobody: code may grow. What neither release says (a stripped image has no functions) is no change and no equality.
 *
 * It is a function of the two texts. Whether they are true is another question: see `casemate verify`.
 */
import type { State } from '../hardening/finding.ts';
import { compare } from './baseline.ts';
import { type Decidable, decidables } from './decidable.ts';
import {
  bitsOfAddress,
  type Evidence,
  type EvidenceAssumption,
  type EvidenceDevice,
  type EvidenceFunction,
  type EvidenceImage,
} from './evidence.ts';

/** A value of the older and of the newer release; absent where that one has none. */
export interface Change<T> {
  readonly before?: T;
  readonly after?: T;
}

export interface Named<T> extends Change<T> {
  readonly name: string;
}

/** Of lists whose elements are their own names. */
export interface Listed<T> {
  readonly added: readonly T[];
  readonly removed: readonly T[];
}

/** new, gone: only one of the releases has it; changed: another text or version, no worse and no better. */
export type FindingState = 'new' | 'gone' | 'worse' | 'better' | 'changed';

export type FindingText = Pick<Decidable, 'outcome' | 'state' | 'message' | 'details'>;

export interface FindingChange extends Change<FindingText> {
  readonly id: string;
  readonly rule: string;
  readonly change: FindingState;
  /** Whether less is shown of the newer release. */
  readonly isWorse: boolean;
}

/** Segments of one kind and with the same rights. */
export interface SegmentGroup {
  readonly count: number;
  readonly memorySize: number;
}

export interface EvidenceDiff {
  readonly before: Pick<EvidenceImage, 'name' | 'sha256' | 'size' | 'target' | 'machine'> & {
    readonly project: string;
  };
  readonly after: EvidenceDiff['before'];
  /** Whether the two are of one image, whatever else is said of it. */
  readonly isSameImage: boolean;
  /** Why the newer release needs a second look, gravest first; empty: nothing is worse. Not made printable. */
  readonly worse: readonly string[];
  /** In the order of the newer release; what is gone behind them. */
  readonly findings: readonly FindingChange[];
  /** By name; one whose type changed has both. Undefined: the newer release does not say, and the older one does. */
  readonly devices?: readonly Named<EvidenceDevice['type']>[];
  /** By name, with sizes in bytes. Undefined: one of the two has no symbol table. */
  readonly functions?: readonly Named<number>[];
  /** By kind and rights, `load R-X`. */
  readonly segments: readonly Named<SegmentGroup>[];
  /** Bytes of code by component. */
  readonly tcb: readonly Named<number>[];
  readonly assumptions: Listed<EvidenceAssumption>;
  /** Files and objects by kind and name, `archive libc.a`, with their SHA-256. */
  readonly inputs: readonly Named<string>[];
  /** Packages that files of the image came with, `debian libssl-dev`, with their versions. */
  readonly packages: readonly Named<string>[];
  /** Programs and packages that built it, with their versions. */
  readonly tools: readonly Named<string>[];
  /** What may be said of a seL4 kernel, by part. */
  readonly kernel: readonly Named<string>[];
  /** Bits of entropy of the address, bytes of stack: numbers that are one for an image. */
  readonly numbers: readonly Named<number>[];
}

const isEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/** What differs in two maps, by name. */
function changes<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): Named<T>[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .flatMap((name): Named<T>[] => {
      const [old, now] = [before.get(name), after.get(name)];
      if (isEqual(old, now)) return [];
      return [{ name, ...(old !== undefined && { before: old }), ...(now !== undefined && { after: now }) }];
    })
    .sort(byName);
}

function listed<T>(before: readonly T[], after: readonly T[]): Listed<T> {
  const keys = (list: readonly T[]): Set<string> => new Set(list.map((one) => JSON.stringify(one)));
  const [old, now] = [keys(before), keys(after)];
  const without = (list: readonly T[], others: Set<string>): T[] =>
    list.filter((one) => !others.has(JSON.stringify(one)));
  return { added: without(after, old), removed: without(before, now) };
}

const grounds: readonly State[] = ['declared', 'enforced', 'exercised'];

/** Names that the image has for functions which something of the evidence is about; by its id. */
function symbolsOf({ proofs, erasure = [], validation = [] }: Evidence): Map<string, readonly string[]> {
  return new Map([
    ...(proofs?.functions ?? []).map(({ function: name, places }): [string, string[]] => [
      `verified:${name}`,
      places.map(({ symbol }) => symbol),
    ]),
    ...erasure.map((one): [string, string[]] => [one.id, [one.function]]),
    ...validation.map((one): [string, string[]] => [one.id, [one.symbol]]),
  ]);
}

/**
 * Whether less is shown when a finding of the older release is gone. What passed and is not looked at any more is; but a
 * function that left the image takes along what was said of it, and proofs are cut into other obligations whenever code
 * changes: of those only what functions promise counts.
 */
function missedIn(before: Evidence, after: Evidence): (old: Decidable) => boolean {
  const symbols = symbolsOf(before);
  const left = after.image.functions && new Set(after.image.functions.map(({ name }) => name));
  const promises = new Set([
    ...(before.proofs?.obligations ?? []).flatMap(({ id, kind }) => (kind === 'ensures' ? [id] : [])),
    ...(before.proofs?.coq?.claims ?? []).flatMap(({ id, kind }) => (kind === 'contract' ? [id] : [])),
  ]);
  return ({ id, rule, outcome }) => {
    if (outcome !== 'pass') return false;
    if (rule === 'proof' || rule === 'coq') return promises.has(id);
    const own = symbols.get(id);
    return own === undefined || left === undefined || own.some((name) => left.has(name));
  };
}

const shown = ({ outcome, state, message, details }: Decidable): FindingText => ({
  ...{ outcome, state, message, details },
});

/** What became of a finding that both releases have; undefined: nothing. */
function changeOf(old: Decidable, now: Decidable): FindingChange | undefined {
  const { id, rule } = now;
  const ground = grounds.indexOf(now.state) - grounds.indexOf(old.state);
  const { state, isWorse } = compare(now, old);
  if (state === 'unchanged') return undefined;
  const both = { id, rule, before: shown(old), after: shown(now) };
  const isWeaker = now.outcome === 'pass' && old.outcome === 'pass' && ground < 0;
  if (isWorse || isWeaker) return { ...both, change: 'worse', isWorse: true };
  const isBetter = compare(old, now).isWorse || (now.outcome === 'pass' && ground > 0);
  return { ...both, change: isBetter && old.version === now.version ? 'better' : 'changed', isWorse: false };
}

function findingChanges(before: Evidence, after: Evidence): FindingChange[] {
  const [old, now] = [before, after].map((one) => new Map(decidables(one).map((each) => [each.id, each]))) as [
    Map<string, Decidable>,
    Map<string, Decidable>,
  ];
  const isMissed = missedIn(before, after);
  const found = [...now.values()].flatMap((one): FindingChange[] => {
    const { id, rule, outcome } = one;
    const other = old.get(id);
    if (other === undefined) return [{ id, rule, change: 'new', after: shown(one), isWorse: outcome !== 'pass' }];
    const change = changeOf(other, one);
    return change === undefined ? [] : [change];
  });
  const gone = [...old.values()]
    .filter(({ id }) => !now.has(id))
    .map((one): FindingChange => {
      const { id, rule } = one;
      return { id, rule, change: 'gone', before: shown(one), isWorse: isMissed(one) };
    });
  return [...found, ...gone];
}

/** Several functions of one name are told apart by their order of size. */
function sizes(functions: readonly EvidenceFunction[]): Map<string, number> {
  const seen = new Map<string, number>();
  return new Map(
    functions.map(({ name, size }): [string, number] => {
      const n = (seen.get(name) ?? 0) + 1;
      seen.set(name, n);
      return [n === 1 ? name : `${name} (${n})`, size];
    }),
  );
}

function groups({ segments }: EvidenceImage): Map<string, SegmentGroup> {
  const found = new Map<string, SegmentGroup>();
  for (const { type, rights, memorySize } of segments) {
    const { count, memorySize: sum } = found.get(`${type} ${rights}`) ?? { count: 0, memorySize: 0 };
    found.set(`${type} ${rights}`, { count: count + 1, memorySize: sum + memorySize });
  }
  return found;
}

function toolsOf({ tools: { casemate, node, compiler, solvers, packages }, proofs }: Evidence): Map<string, string> {
  return new Map([
    ['casemate', `${casemate.version}, SHA-256 ${casemate.sha256}`],
    ['Node.js', node],
    ...(compiler === undefined ? [] : [['compiler', compiler] as const]),
    ...(solvers.length === 0 ? [] : [['solvers', solvers.join(', ')] as const]),
    ...(proofs?.coq === undefined ? [] : [['Coq', proofs.coq.version] as const]),
    ...packages.map(({ name, version }) => [`npm ${name}`, version] as const),
  ]);
}

/** Lists of what is said of a kernel become a name for each element: what is not said any more is then one by itself. */
function kernelOf({ kernel }: Evidence): Map<string, string> {
  if (kernel === undefined) return new Map();
  const { name, sha256, configuration, differences, proved, enforcement, notCovered } = kernel;
  const all = (part: string, texts: readonly string[]): [string, string][] =>
    texts.map((text) => [`${part}: ${text}`, '']);
  return new Map([
    ['kernel', `${name}, SHA-256 ${sha256}`],
    ...(configuration === undefined ? [] : [['configuration', configuration] as const]),
    ...differences.map(({ key, found }) => [`unlike the verified one: ${key}`, found] as const),
    ...all('proved', proved),
    ...all('enforced', enforcement),
    ...all('not covered', notCovered),
  ]);
}

function numbersOf(evidence: Evidence): Map<string, number> {
  const { stack } = evidence;
  const bits = bitsOfAddress(evidence);
  return new Map([
    ...(bits === undefined ? [] : [["bits of the image's address", bits] as const]),
    ...(stack === undefined ? [] : [['bytes of stack', stack.bytes] as const]),
  ]);
}

const inputsOf = ({ inputs }: Evidence): Map<string, string> =>
  new Map(inputs.map(({ kind, name, sha256 }) => [`${kind} ${name}`, sha256]));

const packagesOf = ({ inputs }: Evidence): Map<string, string> =>
  new Map(inputs.flatMap(({ package: from }) => (from ? [[`${from.ecosystem} ${from.name}`, from.version]] : [])));

const codeOf = ({ tcb }: Evidence): Map<string, number> =>
  new Map(tcb.map(({ component, codeBytes }) => [component, codeBytes]));

const imageOf = ({ project, image: { name, sha256, size, target, machine } }: Evidence): EvidenceDiff['before'] => ({
  ...{ project, name, sha256, size, target, machine },
});

const devicesOf = (devices: readonly EvidenceDevice[] = []): Map<string, EvidenceDevice['type']> =>
  new Map(devices.map(({ name, type }) => [name, type]));

/** One line for each change of devices that gives the newer release more, or leaves open what it has. */
function deviceLines(devices: EvidenceDiff['devices']): string[] {
  if (devices === undefined) return ['devices: the newer release does not say which it asks for; the older one does'];
  return devices.flatMap(({ name, before: old, after: now }) => {
    if (now === undefined) return [];
    const than = old === undefined ? 'the older release does not' : `the older release as a ${old} device`;
    return [`NEW DEVICE: asks for "${name}" as a ${now} device; ${than}`];
  });
}

function findingLine({ id, change, before, after }: FindingChange): string {
  if (change === 'gone') return `${id}: passed, and is no longer looked at: ${before!.message}`;
  const from = before === undefined ? '' : ` (was ${before.outcome}, ${before.state})`;
  return `${id}: ${after!.outcome}, ${after!.state}${from}: ${after!.message}`;
}

/** Parts of a kernel whose loss, or whose coming, says less of it. */
const kernelLines = (kernel: EvidenceDiff['kernel']): string[] =>
  kernel.flatMap(({ name, before, after }) => {
    const isLost = after === undefined && /^(?:proved|enforced|configuration)/.test(name);
    const isMore = before === undefined && /^(?:unlike|not covered)/.test(name);
    if (isLost) return [`kernel: no longer ${name === 'configuration' ? `the verified ${before}` : name}`];
    return isMore ? [`kernel: now ${name}${after === '' ? '' : ` (${after})`}`] : [];
  });

const assumptionLine = ({ kind, about, text }: EvidenceAssumption): string =>
  `assumed and not shown (${kind}): ${about === undefined ? '' : `${about}: `}${text}`;

/** What changed from `before` to `after`. */
export function diffEvidence(before: Evidence, after: Evidence): EvidenceDiff {
  const [old, now] = [before.image, after.image];
  const findings = findingChanges(before, after);
  // Who has no manifest asks for nothing; but who has none any more may be given anything.
  const isLost = old.devices !== undefined && now.devices === undefined;
  const devices = isLost ? undefined : changes(devicesOf(old.devices), devicesOf(now.devices));
  const functions = old.functions && now.functions ? changes(sizes(old.functions), sizes(now.functions)) : undefined;
  const assumptions = listed(before.assumptions, after.assumptions);
  const kernel = changes(kernelOf(before), kernelOf(after));
  const numbers = changes(numbersOf(before), numbersOf(after));
  const bits = numbers.find(({ name }) => name.startsWith('bits'));
  return {
    ...{ before: imageOf(before), after: imageOf(after), isSameImage: old.sha256 === now.sha256 },
    worse: [
      ...deviceLines(devices),
      ...findings.filter(({ isWorse }) => isWorse).map(findingLine),
      ...(now.target === old.target ? kernelLines(kernel) : []),
      ...(bits?.before !== undefined && (bits.after ?? 0) < bits.before
        ? [`the image's address: ${bits.after ?? 'unknown'} bits of entropy (were ${bits.before})`]
        : []),
      ...assumptions.added.map(assumptionLine),
    ],
    findings,
    ...(devices && { devices }),
    ...(functions && { functions }),
    segments: changes(groups(old), groups(now)),
    tcb: changes(codeOf(before), codeOf(after)),
    ...{
      assumptions,
      inputs: changes(inputsOf(before), inputsOf(after)),
      packages: changes(packagesOf(before), packagesOf(after)),
      tools: changes(toolsOf(before), toolsOf(after)),
    },
    ...{ kernel, numbers },
  };
}
