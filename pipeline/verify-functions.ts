/**
 * Whether what evidence says of verified functions is all that there is to say, and no more than the proofs give.
 *
 * The image names the functions that it has verified code of in a note of its own (verified-record.ts); so none can be left
 * out of the evidence, nor all of it. What each is worth follows from the proofs that were just made: proved, or proved as
 * far as what it relies on, or not. Evidence may say less of one, that its code is lost or that it was waived; not more.
 */
import { printable } from '../base/errors.ts';
import type { EvidenceVerified } from '../evidence/evidence.ts';
import { readNotes } from '../hardening/notes.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { VERIFIED_NOTE } from '../lowering/c/note.ts';
import type { FunctionResult } from '../proofs/verify.ts';
import type { ReadBundle } from './bundle-file.ts';
import { clipped } from './image-record.ts';
import { functionName, isNamed, reliedOn } from './verified-record.ts';
import { type Account, same } from './verify-account.ts';

/** What a note says of a function; any of it may be anything. */
type Noted = Readonly<Record<string, unknown>>;

/** Functions of the image's own note; undefined without one, a text for one that cannot be read. */
function notedFunctions(image: Uint8Array, name: string): readonly Noted[] | string | undefined {
  const section = readElfFile(image, name).sections.find((one) => one.name === VERIFIED_NOTE.section);
  if (section === undefined) return undefined;
  const { notes, problem } = readNotes(section.data, 4);
  const found = notes.filter((note) => note.name === VERIFIED_NOTE.name && note.type === VERIFIED_NOTE.type);
  if (problem !== undefined) return problem;
  if (found.length !== 1) return `has ${found.length} notes; must be one`;
  try {
    const { version, functions } = JSON.parse(Buffer.from(found[0]!.descriptor).toString('latin1'));
    const isList = Array.isArray(functions) && functions.every((one) => typeof one === 'object' && one !== null);
    return version === 1 && isList ? functions : 'is of another version';
  } catch {
    return 'is not JSON';
  }
}

/** Statuses of code that is in the image. */
const hasCode = ({ status }: EvidenceVerified): boolean => ['proved', 'relying', 'waived'].includes(status);

/** That evidence speaks of the functions that the image's note names, and of no others. */
export function checkNoted(account: Account, { evidence, image, files }: ReadBundle): void {
  const { proofs } = evidence;
  const noted = notedFunctions(image, evidence.image.name);
  const say = (text: string): void => void account.untrue.push(printable(`evidence.json: ${text}`, 500));
  if (typeof noted === 'string') {
    say(`${evidence.image.name}: ${VERIFIED_NOTE.section} ${noted}`);
    return;
  }
  if (proofs === undefined) {
    if (noted !== undefined) say(`says nothing of proofs; the image names ${noted.length} verified functions`);
    const own = [...files.keys()].find((name) => /^(proofs|sources)\//.test(name));
    if (own !== undefined) say(`says nothing of proofs; the bundle has ${own}`);
    return;
  }
  const claimed = new Map(proofs.functions.map((one) => [one.function, one]));
  for (const one of noted ?? []) {
    const name = clipped(String(one['function']));
    const said = claimed.get(name);
    claimed.delete(name);
    if (said === undefined) say(`${name}: is left out; the image names it as verified`);
    else {
      for (const key of ['source', 'contract', 'proof'] as const)
        if (said[key] !== one[key]) say(`${name}: its "${key}" is ${said[key]}; the image says ${String(one[key])}`);
      if (hasCode(said) && said.places.length === 0) say(`${name}: is said to be ${said.status}, and has no code`);
      if (hasCode(said) !== (said.code !== undefined)) say(`${name}: is said to be ${said.status}, against its code`);
    }
  }
  for (const name of claimed.keys()) say(`${name}: the image does not name it as verified`);
}

/** What evidence may say of a function with this proof, best first. */
const standings = ['proved', 'relying', 'waived', 'lost'] as const;

/** That no function is said to be worth more than the proofs make it. */
export function checkStandings(
  account: Account,
  functions: readonly EvidenceVerified[],
  results: readonly FunctionResult[],
): void {
  const byName = new Map(results.map((result) => [functionName(result.function), result]));
  const relied = reliedOn(results, isNamed);
  for (const { function: name, status, relies, places } of functions) {
    const result = byName.get(name);
    if (result === undefined) continue;
    const say = (list: string[], text: string): void =>
      void list.push(printable(`evidence.json: ${name}: ${text}`, 500));
    const names = (relied.get(result.function.key) ?? []).map((fn) => clipped(functionName(fn)));
    const own = result.status !== 'proved' ? 'waived' : names.length > 0 ? 'relying' : 'proved';
    if (status === 'absent') {
      if (places.length > 0) say(account.untrue, 'is said to be absent, and to have code in the image');
    } else if (standings.indexOf(status as (typeof standings)[number]) < standings.indexOf(own)) {
      const list = result.status === 'unknown' ? account.undecided : account.untrue;
      say(list, `is said to be ${status}; its proof makes it ${own === 'waived' ? result.status : own}`);
    } else if (own === 'relying' && status === 'relying' && !same([...relies].sort(), [...names].sort()))
      say(account.untrue, `is said to rely on ${relies.join(', ')}; its proof relies on ${names.join(', ')}`);
  }
}
