/**
 * `casemate secrets IMAGE`: what the functions of a linked image leave of the secrets that they handle.
 *
 * Which functions those are the image's own notes say (docs/secrets.md); --function asks about any other. The exit
 * status is that of the gravest verdict: 1 something is left, 3 unknown and nothing left, 0 all erased; 2 is wrong usage
 * or input. An image without any record is wrong usage: nothing was judged.
 */
import { Command, InvalidArgumentError } from 'commander';
import { fail, printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import {
  type BufferKind,
  defaultPolicy,
  limits,
  problemsOf,
  type SecretAnnotation,
  type SecretItem,
} from '../base/secrets.ts';
import { readSubject, type Subject } from '../hardening/subject.ts';
import { defaults } from '../hardening/zeroization/analyze.ts';
import { functionOf } from '../hardening/zeroization/annotated.ts';
import { askedBy, judgeRecords, reportOutcome, type SecretsReport } from '../hardening/zeroization/secrets.ts';
import { placesOf, reportJson, reportText } from '../hardening/zeroization/secrets-report.ts';
import { ET_REL } from '../linker/elf.ts';
import { ownProtection } from '../targets/enforcement.ts';
import { printWhole } from './output.ts';

const examples = `
Arguments are numbered from 0, as the calling convention numbers the places of integers and pointers.

Exit status: 0 all erased; 1 something is left of a secret; 2 wrong usage or input; 3 unknown, and nothing left.

Examples:
  casemate secrets build/app.hvt
  casemate secrets --json build/app.hvt > secrets.json
  casemate secrets app --function crypto_stream_chacha20 --output 0:64 --value 1:64 --arg 3:32 --result 4
  casemate secrets app --function wipe --arg 0:32 --clears --budget 10

docs/secrets.md says how to write down in C, in TypeScript or in casemate.json what is secret.`;

interface Flags {
  readonly json?: boolean;
  readonly function?: string;
  readonly arg: readonly SecretItem[];
  readonly secretValue: readonly SecretItem[];
  readonly output: readonly SecretItem[];
  readonly state: readonly SecretItem[];
  readonly buffer: readonly SecretItem[];
  readonly value: readonly SecretItem[];
  readonly result?: number;
  readonly clears?: boolean;
  readonly budget?: number;
}

function wholeOf(text: string, least: number, most: number, what: string): number {
  const value = /^[0-9]{1,10}$/.test(text) ? Number(text) : -1;
  if (value < least || value > most) throw new InvalidArgumentError(`${what} from ${least} to ${most} is expected`);
  return value;
}

const argumentOf = (text: string): number => wholeOf(text, 0, limits.arguments - 1, 'the number of an argument');

/** N:VALUE. */
function pairOf(text: string, least: number, most: number, what: string): readonly [number, number] {
  const [argument, value, ...more] = text.split(':');
  if (argument === undefined || value === undefined || more.length > 0)
    throw new InvalidArgumentError(`the number of an argument, a colon and ${what} are expected`);
  return [argumentOf(argument), wholeOf(value, least, most, what)];
}

const buffers =
  (kind: BufferKind) =>
  (text: string, before: readonly SecretItem[] = []): readonly SecretItem[] => {
    const [argument, bytes] = pairOf(text, 1, limits.size, 'a number of bytes');
    return [...before, { kind, argument, length: { kind: 'constant', bytes } }];
  };

function value(text: string, before: readonly SecretItem[] = []): readonly SecretItem[] {
  const [argument, number] = pairOf(text, 0, 0xffff_ffff, 'a value');
  return [...before, { kind: 'value', argument, value: number }];
}

const secretValue = (text: string, before: readonly SecretItem[] = []): readonly SecretItem[] => [
  ...before,
  { kind: 'secret value', argument: argumentOf(text) },
];

const seconds = (text: string): number => wholeOf(text, 1, 86_400, 'a number of seconds');
const resultOf = (text: string): number => wholeOf(text, 1, limits.result, 'a number of bytes');

/** The record that the flags are, if they are any. */
function recordOf(flags: Flags): SecretAnnotation | undefined {
  const { arg, secretValue: values, output, state, buffer, value: known, result, clears } = flags;
  const items = [arg, values, output, state, buffer, known].flatMap((list) => list ?? []);
  if (items.length === 0) {
    if (result !== undefined || clears) fail('usage', '--result and --clears say more of --arg or --secret-value');
    return undefined;
  }
  if (flags.function === undefined) fail('usage', 'arguments are those of a function; name it with --function');
  const record: SecretAnnotation = {
    function: flags.function!,
    address: 0n,
    origin: 'source',
    items,
    result: result ?? 0,
    policy: { ...defaultPolicy, buffer: clears === true },
  };
  const [problem] = problemsOf(record);
  if (problem !== undefined) fail('usage', `--function ${printable(record.function)}: ${problem}`);
  return record;
}

/** What is judged: the function that is asked about, else what the image says. */
function askedOf(subject: Subject, flags: Flags): ReturnType<typeof askedBy> {
  const record = recordOf(flags);
  if (record !== undefined) {
    const found = functionOf(subject, record);
    if ('reason' in found) fail('usage', `--function: ${found.reason}`);
    return { asked: [{ annotation: record, origin: 'command line' }], absent: [], problems: [] };
  }
  const { asked: all, absent, problems } = askedBy(subject);
  const wanted = flags.function;
  const isAsked = (name: string | undefined): boolean => wanted === undefined || name === undefined || name === wanted;
  const asked = all.filter(({ annotation }) => isAsked(annotation.function));
  const left = problems.filter((problem) => isAsked(problem.function));
  const gone = absent.filter(isAsked);
  if (asked.length + left.length + gone.length > 0) return { asked, absent: gone, problems: left };
  const where = wanted === undefined ? 'any function' : printable(wanted);
  return fail(
    'usage',
    `${subject.name}: nothing says which secrets ${where} handles; name a function and its arguments with --function and --arg`,
  );
}

/** A line on a terminal that is rewritten. */
function progress(name: string, index: number, count: number): void {
  if (process.stderr.isTTY === true) process.stderr.write(`\r\x1b[K${printable(name, 60)} (${index + 1} of ${count})`);
}

/** Exit status of a report. */
export function secretsStatus(report: SecretsReport): number {
  return { erased: 0, residue: 1, unknown: 3 }[reportOutcome(report)];
}

async function run(path: string, flags: Flags): Promise<void> {
  const subject = readSubject(readFile(path), path, ownProtection);
  if (subject.file.header.type === ET_REL)
    fail('unsupported-input', `${subject.name}: is not linked; what a function leaves is judged on the linked image`);
  const { asked, absent, problems } = askedOf(subject, flags);
  const end = flags.budget === undefined ? Number.POSITIVE_INFINITY : Date.now() + 1000 * flags.budget;
  const functions = judgeRecords(subject, asked, {
    ...defaults,
    isOver: () => Date.now() >= end,
    onStart: progress,
  });
  if (process.stderr.isTTY === true) process.stderr.write('\r\x1b[K');
  const report = { functions, absent, problems };
  process.exitCode = secretsStatus(report);
  const places = placesOf(subject);
  await printWhole(
    flags.json
      ? `${JSON.stringify(reportJson(subject.name, report, places), null, 2)}\n`
      : reportText(subject.name, report, places),
  );
}

export function secretsCommand(): Command {
  return new Command('secrets')
    .summary('say what functions of an image leave of their secrets')
    .description(
      'Follows the machine code of each function of IMAGE that handles secrets, and says what it leaves of them in dead stack, registers and memory.',
    )
    .argument('<IMAGE>', 'a linked ELF image')
    .option('--function <NAME>', 'ask about this function alone; without arguments, as the image says')
    .option('--arg <N:SIZE>', 'argument N points to SIZE secret bytes', buffers('secret'))
    .option('--secret-value <N>', 'argument N is itself secret', secretValue)
    .option('--output <N:SIZE>', 'argument N points to room for what is meant to be seen', buffers('output'))
    .option(
      '--state <N:SIZE>',
      "argument N points to room for what is secret and the caller's to erase",
      buffers('state'),
    )
    .option('--buffer <N:SIZE>', 'argument N points to memory in which nothing secret may be left', buffers('buffer'))
    .option('--value <N:VALUE>', 'argument N has this value', value)
    .option('--result <BYTES>', 'so many bytes of the result are meant to be seen', resultOf)
    .option('--clears', 'the secret bytes themselves must be clear at the return')
    .option('--budget <SECONDS>', 'give up after so long; what is not known by then is unknown', seconds)
    .option('--json', 'print the verdicts as JSON')
    .addHelpText('after', examples)
    .action(run);
}
