/**
 * `casemate verify BUNDLE`: finds out anew what evidence says, believing nothing of it that can be found out.
 *
 *   signature   every byte of the bundle, by keys that the reader has              evidence/envelope.ts
 *   image       its hash, size, segments, devices and functions, from its bytes    image-record.ts
 *   findings    every rule, run again on the image                                 image-findings.ts
 *   erasure     what functions leave of their secrets, followed again              secrets.ts
 *   code        that the image has the code which the evidence speaks of           this file
 *   proofs      every obligation made anew from the bundled sources, and proved    verify-proofs.ts
 *   coq         statements made anew and held against the bundled texts, and proved   verify-coq.ts
 *   kernel      for seL4, what may be said of the kernel, where that is at hand    targets/sel4/claims.ts
 *   slide       on request, that another file is a slide of the image              targets/hvt/check-slide.ts
 *   rebuild     on request, image and evidence from the project's folder           verify-rebuild.ts
 *
 * What none of that covers is taken on trust, and said to be: a signature shows who says something, not that it is so.
 */
import { CasemateError, hex, printable } from '../base/errors.ts';
import { readFile } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import { type Key, type Predicate, verifyEnvelope } from '../evidence/envelope.ts';
import type { Evidence, EvidenceErasure, EvidenceImage, EvidenceVerified } from '../evidence/evidence.ts';
import { identified } from '../evidence/identity.ts';
import { rules } from '../hardening/rules/index.ts';
import { loadAt, readSubject, type Subject } from '../hardening/subject.ts';
import { readElfFile } from '../linker/elf-file.ts';
import { readElfSymbols, symbolTables } from '../linker/elf-symbols.ts';
import { ownProtection } from '../targets/enforcement.ts';
import { checkHvtSlide } from '../targets/hvt/check-slide.ts';
import type { Kernel } from '../targets/sel4/kernel.ts';
import { DEFAULT_SEED, layoutBits } from './address-bits.ts';
import { type ReadBundle, readBundle } from './bundle-file.ts';
import { erasureControls, falseContracts, proofControls, ruleControls, unrejected } from './controls.ts';
import { erasureRecords, kernelRecord, maskedPlaces, validationPrint, withoutFolders } from './evidence.ts';
import { findingsOfImage } from './image-findings.ts';
import { clipped, imageRecord } from './image-record.ts';
import { sha256 } from './lock.ts';
import { judgeFile } from './secrets.ts';
import { type Account, compareById, differenceOf, many, same } from './verify-account.ts';
import { type CoqRequest, checkCoq } from './verify-coq.ts';
import { checkProofs } from './verify-proofs.ts';
import { checkRebuild, type Rebuild } from './verify-rebuild.ts';

export interface VerifyRequest {
  readonly path: string;
  /** All of them must have signed; none: nobody needs to. */
  readonly keys: readonly Key[];
  /** Proves again; else proofs are taken on trust. */
  readonly prove: boolean;
  /** Whether Coq is asked again; by default where it is installed. */
  readonly coq?: CoqRequest;
  /** The least number that a release may have. */
  readonly leastRelease?: number;
  /** For seL4: the kernel that the image is for. */
  readonly kernel?: Kernel;
  /** A file that should be a slide of the image. */
  readonly slid?: string;
  readonly rebuild?: Rebuild;
  /** Progress in words. */
  readonly step: (text: string) => void;
}

/** What came of it; each line is printable. */
export interface VerifyReport {
  readonly evidence: Evidence;
  readonly predicate: Predicate;
  /** What was found out again, and is as the evidence says. */
  readonly checked: readonly string[];
  /** What the evidence says and nobody has checked here. */
  readonly trusted: readonly string[];
  /** What could not be decided here, though somebody says that it was. */
  readonly undecided: readonly string[];
  /** What is not so; by the file or the part that says it. */
  readonly untrue: readonly string[];
}

/** False where the image is another one: then nothing that is said of it can be held against it. */
function checkImage(account: Account, { evidence, image }: ReadBundle): boolean {
  const { name, target, sha256: wanted } = evidence.image;
  const hash = sha256(image);
  if (hash !== wanted) {
    account.untrue.push(`${name}: its SHA-256 is ${hash}; the evidence is of one with ${wanted}`);
    return false;
  }
  let found: EvidenceImage;
  try {
    found = imageRecord(image, name, target);
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    account.untrue.push(printable(`${name}: is no image for ${target}, as evidence.json says: ${error.message}`, 1000));
    return false;
  }
  if (same(found, evidence.image))
    account.checked.push(`${name}: SHA-256 ${found.sha256}, size, segments, devices and functions`);
  else account.untrue.push(printable(`${name}: ${differenceOf(evidence.image, found)}`, 1000));
  return true;
}

/** Rules run on bytes; what else the evidence has was tried on a machine, or needs the kernel. */
function checkFindings(account: Account, { evidence, image }: ReadBundle, kernel: Kernel | undefined): void {
  const own = new Set(rules.map(({ id }) => id));
  const isFound = (rule: string, state: string): boolean =>
    own.has(rule) || (kernel !== undefined && rule.startsWith('sel4-') && state !== 'exercised');
  const claimed = evidence.findings.filter(({ rule, state }) => isFound(rule, state));
  const found = identified(
    findingsOfImage(image, evidence.image.name, {
      isUsers: evidence.kernel !== undefined,
      ...(kernel && { kernel: withoutFolders(kernel) }),
    }),
  );
  const equal = compareById(account, claimed, found);
  account.checked.push(`${many(equal, 'finding')} of ${found.length}, by running all rules on the image again`);
  // What is left was tried on a machine, or is about a kernel that is not here; no rule makes anything else.
  for (const { id, rule, state } of evidence.findings.filter((one) => !claimed.includes(one))) {
    const isProbe = rule === 'probes' && state === 'exercised';
    const isKernels = rule.startsWith('sel4-') && evidence.kernel !== undefined && kernel === undefined;
    if (isProbe || isKernels)
      account.trusted.push(
        printable(`finding ${id}: ${isProbe ? 'a probe ran where it was made' : 'give --kernel'}`, 300),
      );
    else
      account.untrue.push(
        printable(`evidence.json: ${id}: no rule finds this in an image for ${evidence.image.target}`, 500),
      );
  }
}

async function checkErasure(account: Account, { evidence, image }: ReadBundle): Promise<void> {
  const { name } = evidence.image;
  const judged = await judgeFile(image, name);
  const claimed: readonly EvidenceErasure[] = evidence.erasure ?? [];
  if (judged === undefined && claimed.length === 0) return;
  // Who lets something pass is the builder's word, and so an assumption.
  const waived = claimed.filter((one) => one.waived).map((one) => one.function);
  const found = judged === undefined ? [] : erasureRecords({ ...judged.report, waived }, image, name);
  const equal = compareById(account, claimed, found);
  account.checked.push(`what ${many(equal, 'function')} of ${found.length} leave of their secrets, followed again`);
}

/** Bytes of the image at an address, as the file has them; undefined where it has not that many. */
function bytesAt(subject: Subject, address: bigint, size: number): Uint8Array | undefined {
  const load = loadAt(subject, address);
  if (load === undefined) return undefined;
  const at = Number(address - load.address);
  return at + size <= load.data.length ? load.data.subarray(at, at + size) : undefined;
}

/** The code that a function is said to have, hashed; undefined where the image has none there. */
function codeHash(subject: Subject, { places }: EvidenceVerified): string | undefined {
  const digest = createHash('sha256');
  for (const { address, size } of places) {
    const bytes = bytesAt(subject, BigInt(address), size);
    if (bytes === undefined) return undefined;
    digest.update(bytes);
  }
  return digest.digest('hex');
}

/** What is said to lie at an address and the symbol table does not have there; undefined without a table. */
function strayPlaces(image: Uint8Array, name: string, functions: readonly EvidenceVerified[]): string[] | undefined {
  const file = readElfFile(image, name);
  const [table] = symbolTables(file);
  if (table === undefined) return undefined;
  const known = new Set(readElfSymbols(file, table, name).map((symbol) => `${clipped(symbol.name)}@${symbol.value}`));
  return functions.flatMap(({ function: fn, places }) =>
    places
      .filter(({ symbol, address }) => !known.has(`${symbol}@${BigInt(address)}`))
      .map(({ symbol, address }) => `${fn}: the image has no ${symbol} at ${address}`),
  );
}

function checkCode(account: Account, { evidence, image }: ReadBundle): void {
  const withCode = (evidence.proofs?.functions ?? []).filter(
    ({ code, maskedCode }) => code !== undefined || maskedCode !== undefined,
  );
  if (withCode.length === 0) return;
  const subject = readSubject(image, evidence.image.name, ownProtection);
  let equal = 0;
  for (const fn of withCode) {
    const found = fn.code === undefined ? undefined : codeHash(subject, fn);
    const { maskedCode } = maskedPlaces(subject, fn.places);
    const say = (what: string, is: string | undefined, said: string | undefined): void =>
      void account.untrue.push(
        printable(`evidence.json: ${fn.function}: ${what} has SHA-256 ${is}; the evidence says ${said}`, 500),
      );
    if (found !== fn.code) say('its code', found, fn.code);
    else if (maskedCode !== fn.maskedCode) say('its code without addresses', maskedCode, fn.maskedCode);
    else equal++;
  }
  const stray = strayPlaces(image, evidence.image.name, withCode);
  for (const text of stray ?? []) account.untrue.push(printable(`evidence.json: ${text}`, 500));
  account.checked.push(`where the code of ${many(equal, 'verified function')} is, by its hash`);
  if (stray === undefined) account.trusted.push('the names of that code: the image has no symbols');
}

/** Verdicts are on code that the image has under these names; whether they are right was found out where it was built. */
function checkValidation(account: Account, { evidence, image }: ReadBundle): void {
  const { validation, proofs } = evidence;
  if (validation === undefined) return;
  const subject = readSubject(image, evidence.image.name, ownProtection);
  const places = new Set(
    (proofs?.functions ?? []).flatMap((fn) =>
      fn.places.map((one) => `${fn.function}@${one.symbol}@${one.address}@${one.size}`),
    ),
  );
  const say = (id: string, text: string): void =>
    void account.untrue.push(printable(`evidence.json: ${id}: ${text}`, 500));
  for (const one of validation) {
    const { id, function: fn, symbol, address, size, maskedCode: said, fingerprint } = one;
    const { maskedCode } = maskedPlaces(subject, [one]);
    if (!places.has(`${fn}@${symbol}@${address}@${size}`))
      say(id, `is about ${symbol} at ${address}, which no verified function is`);
    else if (said !== maskedCode) say(id, `the code without addresses has SHA-256 ${maskedCode}; it says ${said}`);
    else if (fingerprint !== validationPrint(one)) say(id, `its fingerprint is ${validationPrint(one)}`);
  }
}

/** A layout says where the build put the image; of the seed nobody can find out whether the address was drawn from it. */
function checkLayout(account: Account, { evidence, image: bytes }: ReadBundle, kernel: Kernel | undefined): void {
  const { layout, image } = evidence;
  if (layout === undefined) return;
  const base = image.segments.find(({ type }) => type === 'load')?.address;
  const say = (text: string): void => void account.untrue.push(printable(`evidence.json: layout: ${text}`, 500));
  if (image.target !== 'sel4') say(`an image for ${image.target} is laid out by no seed`);
  if (layout.base !== base) say(`base is ${base}; the evidence says ${layout.base}`);
  if ((layout.bits ?? 0) > 0 && layout.seed === DEFAULT_SEED) say('the default seed is no secret, and has no bits');
  if (image.target !== 'sel4' || kernel === undefined) return;
  const bits = layoutBits(layout.seed, bytes, image.name, kernel);
  if (layout.bits !== bits) say(`bits is ${bits ?? 'nothing'}; the evidence says ${layout.bits ?? 'nothing'}`);
}

function checkKernel(account: Account, { evidence }: ReadBundle, kernel: Kernel | undefined): void {
  if (evidence.kernel === undefined) return;
  if (kernel === undefined) account.trusted.push('what is said of the kernel; give --kernel to have it looked at');
  else {
    const found = kernelRecord(kernel);
    const { name: _, ...rest } = found;
    const { name, ...claimed } = evidence.kernel;
    if (same(claimed, rest)) account.checked.push(`kernel ${name}: SHA-256 ${found.sha256}, and what is proved of it`);
    else account.untrue.push(printable(`evidence.json: kernel: ${differenceOf(claimed, rest)}`, 1000));
  }
}

/** Every byte of the file that is to be launched is the image's, moved; or it is none of its slides. */
function checkSlid(account: Account, { evidence, image }: ReadBundle, path: string | undefined): void {
  if (path === undefined) return;
  const { name, target } = evidence.image;
  const slid = readFile(path);
  const where = printable(path);
  if (target !== 'hvt')
    return void account.untrue.push(`${where}: images for ${target} are not slid: ${unslidReasons[target]}`);
  if (Buffer.compare(slid, image) === 0)
    return void account.untrue.push(`${where}: is ${name} itself, where it was hardened: nobody has slid it`);
  try {
    const { segmentAddress, units, movedUnits } = checkHvtSlide(image, slid, { base: name, slid: path });
    account.checked.push(
      `${where}: is a slide of ${name}, each byte accounted for; SHA-256 ${sha256(slid)}`,
      `${where}: segments at ${segmentAddress.map(hex).join(', ')}; ${movedUnits} of ${units} units of code are elsewhere`,
    );
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    account.untrue.push(error.message);
  }
}

const unslidReasons = {
  riscv64: 'they draw their addresses at every start',
  sel4: 'they draw their addresses at every start, or have those that they were built with',
  elf: 'their loader places them',
};

/** What is false, asked of the tools that are here; and that the evidence says the same of those of the build. */
async function checkControls(account: Account, { evidence, image }: ReadBundle, prove: boolean): Promise<void> {
  const tool = 'casemate';
  const asksSolvers = prove && evidence.proofs !== undefined;
  const asked = asksSolvers ? await proofControls({ budget: evidence.proofs!.budget }) : [];
  const own = [...ruleControls(image, tool), ...erasureControls(tool), ...asked];
  const bad = unrejected(own);
  if (bad !== undefined) account.undecided.push(`the tools that are here cannot be relied on: ${bad}`);
  const expected = new Map(own.map((one) => [one.name, one.expected]));
  if (evidence.proofs !== undefined && !prove) for (const name of falseContracts) expected.set(name, 'failed');
  const say = (name: string, text: string): void =>
    void account.untrue.push(printable(`evidence.json: controls: ${name}: ${text}`, 500));
  const seen = new Set<string>();
  for (const { name, expected: wanted, found } of evidence.controls) {
    const right = expected.get(name);
    if (right === undefined) say(name, 'there is no such control');
    else if (seen.has(name)) say(name, 'is there twice');
    else if (wanted !== right || found !== right)
      say(name, `said "${found}", expected "${wanted}"; must be "${right}"`);
    seen.add(name);
  }
  for (const name of expected.keys()) if (!seen.has(name)) say(name, 'is left out');
  account.checked.push(`${many(own.length, 'false claim')}, rejected by the tools that are here`);
  account.trusted.push('that those of the build rejected them too');
}

/** What the reader of an image cannot find out without building it again, and the evidence has. */
function unbuilt({ inputs, proofs, layout, validation, erasure = [], stack, wiped }: Evidence): string[] {
  const waived = erasure.filter((one) => one.waived).length;
  const files = inputs.filter((one) => one.package !== undefined).length;
  return [
    'what the image was built from, and by which tools; --rebuild builds it again',
    "the project's name",
    'the table of trusted code',
    ...(proofs?.functions.some(({ code }) => code !== undefined)
      ? ['that the code of verified functions was compiled from the bundled sources']
      : []),
    ...(proofs === undefined ? [] : [`that solvers were given ${proofs.budget} steps for each question`]),
    ...(layout === undefined ? [] : ['that the address was drawn from the seed, which nobody knows']),
    ...(validation === undefined
      ? []
      : [`${many(validation.length, 'verdict')}: translation validation was done where it was built`]),
    ...(waived === 0 ? [] : [`that the project lets ${many(waived, 'function')} leave secrets`]),
    ...(files === 0 ? [] : [`which packages ${many(files, 'input')} came with`]),
    ...(stack === undefined ? [] : [`the bound of the stack, ${hex(stack.bytes)}`]),
    ...(wiped.length === 0 ? [] : [`that ${many(wiped.length, 'function')} are wiped after`]),
  ];
}

/** Verifies a bundle. Errors: 'signature' where its keys did not sign these bytes; those of readBundle. */
export async function verifyBundle(request: VerifyRequest): Promise<VerifyReport> {
  const { path, keys, leastRelease, kernel, step } = request;
  const account: Account = { checked: [], trusted: [], undecided: [], untrue: [] };
  const bundle = readBundle(path);
  const { evidence, files } = bundle;
  const predicate = keys.length === 0 ? {} : verifyEnvelope(files, keys, path);
  if (keys.length === 0) account.trusted.push('whoever made this bundle: no key was given');
  else
    account.checked.push(`every byte of ${many(files.size, 'file')}, signed by ${keys.map(({ id }) => id).join(', ')}`);
  if (leastRelease !== undefined && !((predicate.release ?? -1) >= leastRelease))
    account.untrue.push(`the release is ${predicate.release ?? 'not numbered'}; must be at least ${leastRelease}`);
  step('the image');
  if (!checkImage(account, bundle)) return { evidence, predicate, ...account };
  checkFindings(account, bundle, kernel);
  step('secrets');
  await checkErasure(account, bundle);
  checkCode(account, bundle);
  const sources = await checkProofs(account, bundle, request);
  await checkCoq(account, bundle, sources, request);
  step('what is false');
  await checkControls(account, bundle, request.prove);
  checkValidation(account, bundle);
  checkLayout(account, bundle, kernel);
  checkKernel(account, bundle, kernel);
  checkSlid(account, bundle, request.slid);
  if (request.rebuild !== undefined) step('the project, built again');
  const isRebuilt = request.rebuild !== undefined && (await checkRebuild(account, bundle, request.rebuild));
  if (!isRebuilt) account.trusted.push(...unbuilt(evidence));
  // However they came to be there: whoever reads the evidence has to decide what to think of them.
  if (evidence.assumptions.length > 0)
    account.trusted.push(`${many(evidence.assumptions.length, 'assumption')}, listed in evidence.json`);
  return { evidence, predicate, ...account };
}
