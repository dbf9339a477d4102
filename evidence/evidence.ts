/**
 * Evidence: all that was checked of one build, as plain data that a policy decides by and a stranger can check again.
 *
 * It is a function of what was built and of nothing else: no times, no paths but those that the project declares, every
 * array in an order that its comment gives. So two builds of the same inputs can be compared byte by byte. Measurements,
 * which no two runs share, are another file. Addresses are text, since a double does not hold 64 bits.
 *
 * What stands here are claims of whoever wrote it. Each says what it rests on, so that `casemate verify` can find out: a
 * finding by the image's bytes, an obligation by the bundled source and its SMT-LIB text, an input by its hash. The shape
 * is docs/schema/evidence.schema.json; parse.ts reads it.
 */
import type { Outcome, State } from '../hardening/finding.ts';

export const EVIDENCE_FORMAT = 'casemate-evidence';
/** Changes when a reader of the old one would misunderstand the new one. */
export const EVIDENCE_VERSION = 1;

/** SHA-256, 64 lower-case hexadecimal digits. */
export type Sha256 = string;
/** An address: 0x and lower-case hexadecimal digits without leading zeros. */
export type Address = string;

export interface EvidenceSegment {
  readonly type: 'load' | 'tls' | 'note' | 'relro' | 'stack' | 'other';
  /** Of its program header: `RWX`, with `-` for what it may not. */
  readonly rights: string;
  readonly address: Address;
  readonly memorySize: number;
  readonly fileSize: number;
  readonly offset: number;
}

/** A device that the image asks its tender or machine for. */
export interface EvidenceDevice {
  readonly name: string;
  readonly type: 'block' | 'net';
}

/** A name of a function and how many bytes it has; a function may have several names, and several functions one. */
export interface EvidenceFunction {
  readonly name: string;
  readonly size: number;
}

export interface EvidenceImage {
  /** Of its file, and of the file in the bundle. */
  readonly name: string;
  readonly sha256: Sha256;
  readonly size: number;
  readonly machine: 'x86-64' | 'riscv64' | 'aarch64';
  readonly target: 'hvt' | 'riscv64' | 'sel4' | 'elf';
  readonly entry: Address;
  /**
   * Bits of entropy of its address, rounded down, at every start or of every slide (pipeline/address-bits.ts). Absent: that
   * depends on the machine or the loader, or is the layout's.
   */
  readonly addressBits?: number;
  /** All program headers, in their order. */
  readonly segments: readonly EvidenceSegment[];
  /** Of the manifest in the image, in its order. Absent: the image has none, and so no say in what it is given. */
  readonly devices?: readonly EvidenceDevice[];
  /** Of the symbol table, by name, then size. Absent: the image has no symbol table. */
  readonly functions?: readonly EvidenceFunction[];
}

/**
 * The package that a file came with, as its package manager says: the file is byte for byte the package's, as far as that
 * manager remembers.
 */
export interface EvidencePackage {
  readonly ecosystem: 'debian' | 'npm' | 'opam';
  readonly name: string;
  readonly version: string;
  /** Of Debian: the package that it was built from, which advisories are about. */
  readonly source?: { readonly name: string; readonly version: string };
  /** Of Debian: the number of the release, `12`, and for which processor it is. */
  readonly release?: string;
  readonly architecture?: string;
}

/** A file that the build read, or an object that it made. */
export interface EvidenceInput {
  readonly kind: 'manifest' | 'source' | 'object' | 'archive' | 'script' | 'kernel';
  /** As the project declares it; `casemate/...` is our own. */
  readonly name: string;
  readonly sha256: Sha256;
  readonly size: number;
  /** Absent: it is the project's own, or nobody knows. */
  readonly package?: EvidencePackage;
}

export interface EvidenceTools {
  readonly casemate: { readonly version: string; readonly sha256: Sha256 };
  /** Of the process that built it: `v20.11.0`. */
  readonly node: string;
  /** First line of the compiler's --version; absent when nothing was compiled. */
  readonly compiler?: string;
  /** Builds of the solvers that answered, by name. */
  readonly solvers: readonly string[];
  /** npm packages that casemate is made of, by name. */
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

/** What a rule says: see hardening/finding.ts. */
export interface EvidenceFinding {
  /** RULE:KEY, unique in the evidence and the same in every format and build. */
  readonly id: string;
  readonly rule: string;
  readonly version: number;
  readonly outcome: Outcome;
  readonly state: State;
  readonly message: string;
  readonly details: readonly string[];
  /** The number that the rule measures, where it measures one. */
  readonly measured?: number;
  /** Of the code that it is about, without what linking writes: see hardening/code-identity.ts. */
  readonly maskedCode?: Sha256;
  /** Of what it says and where, without addresses: see identity.ts. A waiver is of this. */
  readonly fingerprint: Sha256;
}

export interface EvidenceObligation {
  /** `proof:FUNCTION` and the obligation's name, unique. */
  readonly id: string;
  readonly name: string;
  /** FILE:NAME. */
  readonly function: string;
  readonly kind: string;
  readonly question: 'holds' | 'exists';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The clause or expression as it is written. */
  readonly contract: string;
  readonly status: 'proved' | 'failed' | 'unknown';
  /** The solver builds that decided it, `a run` or `its form`; or why nothing did. */
  readonly by: string;
  /** Of the question's text: proofs/TEXT.smt2 in the bundle. Absent where no solver was asked. */
  readonly text?: Sha256;
  /** Name of the record of the answer: proofs/RECORD.json. Absent where nobody decided. */
  readonly record?: Sha256;
  readonly fingerprint: Sha256;
}

/** A function that came from TypeScript; see pipeline/audit.ts. */
export interface EvidenceVerified {
  /** FILE:NAME. */
  readonly function: string;
  readonly status: 'proved' | 'relying' | 'waived' | 'absent' | 'lost';
  readonly relies: readonly string[];
  readonly reason?: string;
  readonly source: Sha256;
  readonly contract: Sha256;
  readonly proof: Sha256;
  /** Of its code in the image; absent where there is none. */
  readonly code?: Sha256;
  /** The same without what linking writes: see hardening/code-identity.ts. */
  readonly maskedCode?: Sha256;
  readonly places: readonly { readonly symbol: string; readonly address: Address; readonly size: number }[];
}

/** A file of the bundled project of Coq, below coq/. */
export interface EvidenceCoqFile {
  readonly name: string;
  readonly sha256: Sha256;
}

/** A contract or an obligation as a statement of Coq. */
export interface EvidenceCoqClaim {
  /** `coq:FILE:` and the claim's name, unique. */
  readonly id: string;
  readonly name: string;
  /** FILE:NAME. */
  readonly function: string;
  readonly kind: 'contract' | 'obligation';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Its name in Statements.v. */
  readonly statement: string;
  /** closed: by a proof that Coq says is closed under the global context, so that it rests on no axiom. */
  readonly status: 'closed' | 'open';
  /** `a script`, or the file of a proof by hand; or why it is open. */
  readonly by: string;
  readonly fingerprint: Sha256;
}

/** A function or an obligation that has no form in Coq. */
export interface EvidenceCoqRefusal {
  readonly id: string;
  readonly name: string;
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly reason: string;
  readonly fingerprint: Sha256;
}

export interface EvidenceCoq {
  /** First line of coqc's --version. */
  readonly version: string;
  /** What coqchk said of all proofs together: that they rest on nothing; or nothing, as nothing is closed. */
  readonly coqchk: 'no axioms' | 'not run';
  /** By name. */
  readonly files: readonly EvidenceCoqFile[];
  /** In the order of the sources. */
  readonly claims: readonly EvidenceCoqClaim[];
  readonly refusals: readonly EvidenceCoqRefusal[];
  /** Functions without a proof, whose contracts the obligations of those that call them assume. */
  readonly trusted: readonly string[];
}

export interface EvidenceProofs {
  /** TypeScript that was proved, in the order in which it was read; SHA256.ts is below sources/ in the bundle. */
  readonly sources: readonly { readonly file: string; readonly sha256: Sha256 }[];
  /** Solver steps for each question. */
  readonly budget: number;
  /** In the order of the sources. */
  readonly functions: readonly EvidenceVerified[];
  /** In the order of the sources. */
  readonly obligations: readonly EvidenceObligation[];
  /** Absent: nobody asked Coq. */
  readonly coq?: EvidenceCoq;
}

/** Something that is believed and was not shown. */
export interface EvidenceAssumption {
  readonly kind: 'proof' | 'audit' | 'erasure' | 'wipe' | 'validation' | 'waiver' | 'kernel';
  /** What rests on it: FILE:NAME, a function of the image; absent: all of the kind. */
  readonly about?: string;
  readonly text: string;
}

export interface EvidenceErasurePart {
  readonly part: string;
  readonly outcome: 'erased' | 'residue' | 'unknown';
  /** One line for each residue, or why it is unknown. */
  readonly details: readonly string[];
}

export interface EvidenceErasure {
  /** erasure:FUNCTION. */
  readonly id: string;
  readonly function: string;
  readonly address?: Address;
  readonly origin: string;
  readonly outcome: 'erased' | 'residue' | 'unknown';
  readonly waived: boolean;
  readonly parts: readonly EvidenceErasurePart[];
  /** Bytes of stack that it takes at most. */
  readonly depth?: number;
  /** Of its code, without what linking writes: see hardening/code-identity.ts. */
  readonly maskedCode?: Sha256;
  readonly fingerprint: Sha256;
}

/** Whether a function's code does what its TypeScript says; see pipeline/validation.ts. */
export interface EvidenceValidation {
  /** validation:FILE:NAME. */
  readonly id: string;
  readonly function: string;
  readonly symbol: string;
  readonly address: Address;
  readonly size: number;
  readonly verdict: 'validated' | 'refuted' | 'undecided';
  readonly reason?: string;
  readonly callees: readonly { readonly function: string; readonly verdict: 'validated' | 'assumed' }[];
  /** Of its code, without what linking writes: see hardening/code-identity.ts. */
  readonly maskedCode?: Sha256;
  readonly fingerprint: Sha256;
}

export interface EvidenceWipe {
  readonly function: string;
  readonly depth: number;
  readonly isProved: boolean;
}

export interface EvidenceStack {
  readonly bytes: number;
  readonly given?: number;
  /** The chain of calls that takes them, outermost first. */
  readonly chain: readonly { readonly function: string; readonly bytes: number }[];
}

export type TcbComponent = 'application' | 'verified' | 'library' | 'platform' | 'stage-0' | 'veneers' | 'other';

/** What has to be right for the claims to hold, by where it comes from. */
export interface TcbRow {
  readonly component: TcbComponent;
  /** The component's objects in the link, by name. */
  readonly objects: number;
  /** Bytes of executable sections. */
  readonly codeBytes: number;
  readonly functions: number;
  /** Lines of the source files that it was compiled from, as far as the build read them; absent: it read none. */
  readonly sourceLines?: number;
}

export interface EvidenceKernel {
  readonly name: string;
  readonly sha256: Sha256;
  readonly machine: EvidenceImage['machine'];
  /** The verified configuration that is its own; absent: no proof applies. */
  readonly configuration?: string;
  readonly nearest: string;
  readonly differences: readonly { readonly key: string; readonly verified: string; readonly found: string }[];
  readonly proved: readonly string[];
  readonly conditions: readonly string[];
  readonly notCovered: readonly string[];
  readonly enforcement: readonly string[];
}

/** Where an image lies, for targets that decide it when they build. */
export interface EvidenceLayout {
  readonly seed: string;
  readonly base: Address;
  /** Bits of entropy of the base, rounded down: none by the default seed, which anybody can compute. Absent: drawn at starts. */
  readonly bits?: number;
}

/** Something false that the very tools of this build were asked about, and what they said. */
export interface EvidenceControl {
  readonly name: string;
  readonly tool: string;
  readonly expected: string;
  readonly found: string;
}

export interface Evidence {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly version: typeof EVIDENCE_VERSION;
  /** Of casemate.json. */
  readonly project: string;
  readonly image: EvidenceImage;
  /** By kind, then name. */
  readonly inputs: readonly EvidenceInput[];
  readonly tools: EvidenceTools;
  readonly layout?: EvidenceLayout;
  readonly kernel?: EvidenceKernel;
  /** In the order of the rules. */
  readonly findings: readonly EvidenceFinding[];
  /** Absent: the project has no TypeScript. */
  readonly proofs?: EvidenceProofs;
  /** By kind, about and text. */
  readonly assumptions: readonly EvidenceAssumption[];
  /** Functions with a record of secrets, as the image has them; absent: no input says anything of secrets. */
  readonly erasure?: readonly EvidenceErasure[];
  /** Functions behind veneers that wipe. */
  readonly wiped: readonly EvidenceWipe[];
  /** Absent: nobody asked for it. */
  readonly validation?: readonly EvidenceValidation[];
  readonly stack?: EvidenceStack;
  /** One row for each component that the image has, in the order of TcbComponent. */
  readonly tcb: readonly TcbRow[];
  readonly controls: readonly EvidenceControl[];
}

/** Bits of the address, by whoever decides it; undefined where neither the image nor its layout does. */
export const bitsOfAddress = ({ layout, image }: Pick<Evidence, 'layout' | 'image'>): number | undefined =>
  layout?.bits ?? image.addressBits;

/** What differs from run to run: signed with the evidence, and no part of what must be the same. */
export interface Measurements {
  readonly format: 'casemate-measurements';
  readonly version: 1;
  /** Milliseconds, by phase, in the order of the build. */
  readonly phases: readonly { readonly phase: string; readonly milliseconds: number }[];
}

/** Names of the files of a bundle; the image has its own. */
export const bundleNames = {
  evidence: 'evidence.json',
  measurements: 'measurements.json',
  envelope: 'evidence.dsse.json',
  proofs: 'proofs/',
  coq: 'coq/',
  sources: 'sources/',
} as const;
