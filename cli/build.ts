/** `casemate build DIR`: flags in, summary out; the work is pipeline/build.ts. */
import { relative } from 'node:path';
import { Command } from 'commander';
import { fail, hex, printable } from '../base/errors.ts';
import type { EvidenceCoq } from '../evidence/evidence.ts';
import { PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE, PT_TLS } from '../linker/elf.ts';
import type { LinkedImage, Segment } from '../linker/image.ts';
import { type BuildRequest, type BuildResult, buildProject } from '../pipeline/build.ts';
import type { BundledResult } from '../pipeline/build-evidence.ts';
import { type ManifestSeL4, type Target, targets } from '../pipeline/manifest.ts';
import { countsOf, type ValidatedFunction, type ValidationReport } from '../pipeline/validation-policy.ts';
import { defaultSteps } from '../proofs/smt/steps.ts';
import { collect, parseBudget, parseRelease, parseSeconds } from './budget.ts';
import { host } from './host.ts';
import { type KernelFlags, kernelOptions, kernelPaths } from './kernel-options.ts';
import { print } from './output.ts';
import { terminalProgress } from './progress.ts';
import { type SignerFlags, signerOptions, signingKeys } from './signing.ts';
import { writeReport } from './write-report.ts';

const examples = `
Examples:
  casemate build examples/hello               write examples/hello/build/hello.hvt
  casemate build examples/hello --target riscv64    the same for RISC-V: examples/hello/build/hello.riscv64
  casemate build . -o /tmp/app.hvt            write the image elsewhere
  casemate build . --update-lock              accept changed objects, archives or compiler
  casemate build . --evidence app.evidence --coq    and Coq proves the TypeScript, for the bundle
  casemate build . --frozen-lock              refuse any difference from casemate.lock (release builds)

docs/manifest.md explains casemate.json and casemate.lock.`;

/** A size as people read it: bytes up to 10 KiB, then KiB and MiB with one decimal. */
export function readableSize(bytes: number): string {
  if (bytes < 10 * 1024) return `${bytes} B`;
  if (bytes < 10 * 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

const kinds = new Map([
  [PT_LOAD, 'load'],
  [PT_TLS, 'tls'],
  [PT_NOTE, 'note'],
]);

function permissions(flags: number): string {
  return `${flags & PF_R ? 'r' : '-'}${flags & PF_W ? 'w' : '-'}${flags & PF_X ? 'x' : '-'}`;
}

/** Rows as text, columns padded; the columns in `right` are aligned to the right. */
function table(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text: string, column: number): string =>
    right.has(column) ? text.padStart(widths[column]) : text.padEnd(widths[column]);
  return rows.map((row) => `  ${row.map(cell).join('  ').trimEnd()}\n`).join('');
}

/** The image's segments: what is where in memory, and what may be done to it. */
export function segmentTable(image: LinkedImage): string {
  const row = (segment: Segment): string[] => [
    kinds.get(segment.type) ?? hex(segment.type),
    permissions(segment.flags),
    hex(segment.address),
    readableSize(segment.memorySize),
    readableSize(segment.fileSize),
    segment.sections.map((section) => section.name).join(' '),
  ];
  const shown = image.segments.filter((segment) => kinds.has(segment.type) && segment.memorySize > 0);
  return table(
    [['segment', 'may', 'address', 'in memory', 'in file', 'sections'], ...shown.map(row)],
    new Set([2, 3, 4]),
  );
}

/** What is known of the functions that came from TypeScript, one line for each kind. */
export function verifiedText({ functions, trusted }: NonNullable<BuildResult['verified']>): string {
  const of = (wanted: string): string[] =>
    functions.flatMap(({ function: name, status }) => (status === wanted ? [printable(name)] : []));
  const [proved, relying, absent] = [of('proved').length, of('relying').length, of('absent').length];
  const conditional = relying > 0 ? `, ${relying} proved as far as what they rely on` : '';
  const rest = absent > 0 ? `, ${absent} more not needed or part of their callers` : '';
  const lines = [`verified: ${proved} function${proved === 1 ? '' : 's'} proved in the image${conditional}${rest}`];
  for (const { function: name, status, relies = [] } of functions) {
    if (status === 'relying') lines.push(printable(`${name}: proved, relying on ${relies.join(', ')}`, 1000));
  }
  for (const [what, names] of [
    ['waived', of('waived')],
    ['lost', of('lost')],
    ['trusted', trusted.map((name) => printable(name))],
  ] as const) {
    if (names.length > 0) lines.push(`${what}: ${names.join(', ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** How much of the TypeScript Coq has proved, and what it has not. */
export function coqText({ version, claims, refusals }: EvidenceCoq): string {
  const open = claims.filter(({ status }) => status === 'open');
  const row = (name: string, why: string): string => `  open: ${printable(name)}: ${printable(why, 300)}\n`;
  return [
    `coq: ${claims.length - open.length} of ${claims.length + refusals.length} contracts and obligations proved, with no axiom, by ${printable(version)}\n`,
    ...open.map(({ statement, by }) => row(statement, by)),
    ...refusals.map(({ name, reason }) => row(name, `has no form in Coq: ${reason}`)),
  ].join('');
}

/** The verdicts, a line each; what is undecided says why. */
export function validationText(report: ValidationReport): string {
  const { functions, bytes, validated, validatedBytes, absent } = countsOf(report);
  const percent = (part: number, all: number): string => `${all === 0 ? 0 : Math.floor((part / all) * 100)} %`;
  const row = ({ function: name, size, verdict, reason, callees = [] }: ValidatedFunction): string[] => {
    const assumed = callees.filter((one) => one.verdict === 'assumed').map((one) => one.function);
    const rests = assumed.length === 0 ? '' : `assuming ${assumed.join(', ')}`;
    return [printable(name, 60), `${size} B`, verdict, printable(reason ?? rests, 300)];
  };
  const rest = absent > 0 ? `; ${absent} more are part of their callers, or not needed` : '';
  const share = `${validatedBytes} of ${bytes} bytes (${percent(validatedBytes, bytes)})`;
  return `validated: ${validated} of ${functions} functions (${percent(validated, functions)}), ${share}${rest}\n${
    functions === 0 ? '' : table(report.functions.map(row), new Set([1]))
  }`;
}

/** What became of functions with secrets, on one line; what is not erased was told before. */
function secretsText({ functions, absent, problems, waived }: NonNullable<BuildResult['secrets']>): string {
  const count = (wanted: string): number => functions.filter(({ outcome }) => outcome === wanted).length;
  const counts: readonly (readonly [number, string])[] = [
    [count('erased'), 'erased'],
    [count('residue'), 'not erased'],
    [count('unknown') + problems.length, 'unknown'],
    [absent.length, 'not needed'],
  ];
  const shown = counts.flatMap(([n, what]) => (n === 0 ? [] : [`${n} ${what}`]));
  const passed = waived.length === 0 ? '' : `; waived: ${waived.map((name) => printable(name)).join(', ')}`;
  return `secrets: of functions that handle some, ${shown.join(', ')}${passed}\n`;
}

/** The functions behind veneers, each with how deep it is wiped. */
export function wipedText(wiped: NonNullable<BuildResult['wiped']>): string {
  const shown = wiped.map(
    ({ function: name, depth, isProved }) => `${printable(name)} (${depth} bytes${isProved ? '' : ', declared'})`,
  );
  return `wiped after: ${shown.length === 0 ? 'no function' : shown.join(', ')}\n`;
}

function summary(result: BundledResult): string {
  const { image, output, lock } = result;
  const size = readableSize(image.bytes.length);
  const short = relative('', output);
  const lines = [
    `${short.startsWith('..') ? output : short}: ${size}, entry ${hex(image.entry)}\n`,
    segmentTable(image),
  ];
  if (result.verified !== undefined) lines.push(verifiedText(result.verified));
  if (result.coq !== undefined) lines.push(coqText(result.coq));
  if (result.validation !== undefined) lines.push(validationText(result.validation));
  if (result.secrets !== undefined && result.secrets.functions.length > 0) lines.push(secretsText(result.secrets));
  if (result.wiped !== undefined) lines.push(wipedText(result.wiped));
  if (result.stack !== undefined) {
    const { bytes, given } = result.stack;
    lines.push(`stack: ${readableSize(bytes)} at most${given === undefined ? '' : `, of ${readableSize(given)}`}\n`);
  }
  if (lock.state === 'updated') lines.push(...lock.changes.map((change) => `casemate.lock: ${change}\n`));
  if (lock.state === 'written') lines.push('casemate.lock: written; keep it under version control\n');
  return lines.join('');
}

interface Options extends KernelFlags, SignerFlags {
  readonly output?: string;
  readonly target?: string;
  readonly seed?: string;
  readonly updateLock?: boolean;
  readonly frozenLock?: boolean;
  readonly cache?: boolean;
  readonly budget: number;
  readonly strict?: boolean;
  readonly validate?: boolean;
  readonly validateTime?: number;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly evidence?: string;
  readonly key?: readonly string[];
  readonly release?: number;
  readonly measure?: boolean;
  readonly coq?: boolean;
  readonly probe?: boolean;
  readonly cpu?: string;
  readonly machine?: string;
  readonly report?: string;
}

function targetOf(text: string): Target {
  const found = targets.find((target) => target === text);
  return found ?? fail('usage', `--target ${printable(text)}: must be one of ${targets.join(', ')}`);
}

/** What is said of a kernel on the command line; its files come with it. */
function sel4Of(options: Options): ManifestSeL4 | undefined {
  const { kernel, seed } = options;
  const paths = kernelPaths(options);
  if (kernel === undefined && seed === undefined) return undefined;
  return {
    ...(kernel !== undefined && { kernel }),
    ...paths,
    ...(seed !== undefined && { seed }),
  };
}

/** With its evidence; keys are read before anything is built, since a build that cannot be signed is of no use. */
async function built(request: BuildRequest, options: Options): Promise<BundledResult> {
  const { evidence, key = [], release, measure, coq, probe, cpu, machine } = options;
  const { buildWithEvidence } = await import('../pipeline/build-evidence.ts');
  const keys = signingKeys(key, options);
  const predicate = release === undefined ? {} : { release };
  const where = { ...(cpu !== undefined && { cpu }), ...(machine !== undefined && { machine }), host };
  return buildWithEvidence(request, {
    ...{ path: evidence!, keys, predicate, measure: measure === true },
    ...(coq === true && { coq: { ask: true } }),
    ...(probe === true && { probe: where }),
  });
}

async function run(folder: string, options: Options): Promise<void> {
  if (
    options.evidence === undefined &&
    (options.key ??
      options.signer ??
      options.signerKey ??
      options.release ??
      options.measure ??
      options.report ??
      options.coq ??
      options.probe) !== undefined
  )
    fail(
      'usage',
      '--key, --signer, --release, --measure, --coq, --probe and --report belong to --evidence, which is missing',
    );
  if (options.probe !== true && (options.cpu ?? options.machine) !== undefined)
    fail('usage', '--cpu and --machine belong to --probe, which is missing');
  if (options.updateLock && options.frozenLock) fail('usage', '--update-lock and --frozen-lock exclude each other');
  const sel4 = sel4Of(options);
  const progress = terminalProgress(options.verbose === true);
  const request: BuildRequest = {
    folder,
    ...(options.output === undefined ? {} : { output: options.output }),
    ...(options.target === undefined ? {} : { target: targetOf(options.target) }),
    ...(sel4 && { sel4 }),
    lock: options.updateLock ? 'update' : options.frozenLock ? 'frozen' : 'verify',
    afresh: options.cache === false,
    budget: options.budget,
    ...(options.strict === true && { strict: true }),
    ...(options.validate === true && { validate: true }),
    ...(options.validateTime !== undefined && { validationTime: options.validateTime }),
    progress,
  };
  const result: BundledResult =
    options.evidence === undefined ? await buildProject(request) : await built(request, options);
  if (options.report !== undefined) await writeReport(options.report, { path: options.evidence! }, progress);
  if (!options.quiet) print(summary(result));
}

export function buildCommand(): Command {
  return kernelOptions(
    signerOptions(new Command('build'))
      .summary('build a unikernel from its casemate.json')
      .description('Proves, compiles, links and checks the project in DIR, and writes its image.')
      .argument('<DIR>', 'folder that holds casemate.json')
      .option('-o, --output <FILE>', 'where the image goes (default: DIR/build/NAME.hvt)')
      .option('--target <TARGET>', `build for it instead of the manifest's: ${targets.join(', ')}`)
      .option(
        '--seed <TEXT>',
        "for sel4: decides where the image lies (default: the kernel's hash and the project's name)",
      )
      .option('--update-lock', 'accept changed inputs and record them in casemate.lock')
      .option('--frozen-lock', 'fail on any difference from casemate.lock; prove and compile everything again')
      .option('--no-cache', 'prove everything and compile the platform layer again, whatever earlier runs have kept')
      .option('--budget <STEPS>', 'solver steps for each question about TypeScript', parseBudget, defaultSteps)
      .option('--strict', 'assume nothing of TypeScript and its C but what the manifest waives')
      .option('--validate', "hold the image's code against the TypeScript it came from, function by function")
      .option(
        '--validate-time <SECONDS>',
        'what is not validated by then is undecided (default: no limit)',
        parseSeconds,
      )
      .option('--evidence <BUNDLE>', 'write what was checked, with the image, into one file')
      .option('--key <FILE>', 'sign the bundle with this private key (mode 0600); may be given several times', collect)
      .option('--release <NUMBER>', 'number of the release, which is signed along', parseRelease)
      .option('--measure', 'put in how long each phase took; no two bundles are the same then')
      .option('--coq', 'have Coq prove the TypeScript as well, and put its texts and verdicts in')
      .option('--probe', 'try the protections, one boot an attempt, and put in what they came to')
      .option('--cpu <MODEL>', "processor model for --probe (default: EPYC-Milan, and QEMU's)")
      .option('--machine <MODEL>', 'machine of riscv64 for --probe: virt or sifive_u, with options (default: virt)')
      .option('--report <FILE>', 'write the evidence as a page for people as well (casemate report)')
      .option('-v, --verbose', 'tell every phase and its time')
      .option('-q, --quiet', 'print nothing on success')
      .addHelpText('after', examples)
      .action(run),
    'for sel4: the kernel that the image is made for',
  );
}
