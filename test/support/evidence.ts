/** Evidence with something of everything, for who reads or judges it. */
import type { Evidence } from '../../evidence/evidence.ts';
import { hashOf, identified } from '../../evidence/identity.ts';
import type { Finding } from '../../hardening/finding.ts';

export const hash = (text: string): string => hashOf('test', text);

const finding = (rule: string, about: string | undefined, more: Partial<Finding> = {}): Finding => ({
  rule,
  version: 1,
  subject: 'app.hvt',
  ...(about !== undefined && { about }),
  outcome: 'pass',
  state: 'declared',
  message: `${rule} holds`,
  details: [],
  ...more,
});

export const someFindings: readonly Finding[] = [
  finding('wx', 'segments'),
  finding('wx', 'page tables', { state: 'enforced' }),
  finding('execute-only', 'loads', {
    outcome: 'fail',
    message: '1 instruction reads text',
    details: ['0x401000 (parse+0x10) reads 0x402000 (table+0x0)'],
  }),
  finding('bss-bounds', undefined, { outcome: 'unknown', message: 'no PT_LOAD' }),
];

export const someEvidence: Evidence = {
  format: 'casemate-evidence',
  version: 1,
  project: 'app',
  image: {
    ...{ name: 'app.hvt', sha256: hash('image'), size: 4096, machine: 'x86-64', target: 'hvt', entry: '0x401000' },
    segments: [{ type: 'load', rights: 'R-X', address: '0x401000', memorySize: 4096, fileSize: 4096, offset: 0 }],
    devices: [{ name: 'net0', type: 'net' }],
    functions: [{ name: 'f', size: 16 }],
  },
  inputs: [
    {
      ...{ kind: 'archive', name: '/usr/lib/libcrypto.a', sha256: hash('archive'), size: 300 },
      package: {
        ...{ ecosystem: 'debian', name: 'libssl-dev', version: '3.0.9-1', release: '12', architecture: 'amd64' },
        source: { name: 'openssl', version: '3.0.9-1' },
      },
    },
    { kind: 'manifest', name: 'casemate.json', sha256: hash('manifest'), size: 100 },
    { kind: 'source', name: 'app.ts', sha256: hash('source'), size: 200 },
  ],
  tools: {
    casemate: { version: '0.1.0', sha256: hash('casemate') },
    ...{ node: 'v20.0.0', compiler: 'clang 14', solvers: ['z3 1'], packages: [{ name: 'ajv', version: '8.0.0' }] },
  },
  layout: { seed: 'seed', base: '0x400000', bits: 12 },
  kernel: {
    ...{ name: 'kernel.elf', sha256: hash('kernel'), machine: 'x86-64', nearest: 'X64_verified' },
    differences: [{ key: 'PRINTING', verified: 'off', found: '1' }],
    ...{ proved: [], conditions: [], notCovered: ['DMA'], enforcement: ['Text is not writable.'] },
  },
  findings: identified(someFindings),
  proofs: {
    sources: [{ file: 'app.ts', sha256: hash('source') }],
    budget: 1000,
    functions: [
      {
        ...{ function: 'app.ts:f', status: 'proved', relies: [], source: hash('source'), contract: hash('contract') },
        ...{ proof: hash('proof'), code: hash('code') },
        places: [{ symbol: 'f', address: '0x401000', size: 16 }],
      },
    ],
    obligations: [
      {
        ...{ id: 'proof:app.ts:f/ensures/result > 0', name: 'f/ensures/result > 0', function: 'app.ts:f' },
        ...{ kind: 'ensures', question: 'holds', file: 'app.ts', line: 3, column: 5, contract: 'result > 0' },
        ...{ status: 'proved', by: 'z3 1', text: hash('smt'), record: hash('record'), fingerprint: hash('o') },
      },
    ],
    coq: {
      ...{ version: 'The Coq Proof Assistant, version 8.16.1', coqchk: 'no axioms', trusted: ['app.ts:rotate'] },
      files: [{ name: 'coq/Checked.v', sha256: hash('checked') }],
      claims: [
        {
          ...{
            id: 'coq:app.ts:f/contract',
            name: 'f/contract',
            function: 'app.ts:f',
            kind: 'contract',
            file: 'app.ts',
          },
          ...{ line: 2, column: 1, statement: 'contract_f', status: 'closed', by: 'coq/handwritten/contract_f.v' },
          fingerprint: hash('c'),
        },
        {
          ...{ id: 'coq:app.ts:f/ensures', name: 'f/ensures/result > 0', function: 'app.ts:f', kind: 'obligation' },
          ...{ file: 'app.ts', line: 3, column: 5, statement: 'goal_f_1', status: 'open', by: 'no script closes it' },
          fingerprint: hash('g'),
        },
      ],
      refusals: [
        {
          ...{ id: 'coq:app.ts:g', name: 'g: definition', function: 'app.ts:g', file: 'app.ts', line: 9, column: 1 },
          ...{ reason: 'it calls itself, directly or through others', fingerprint: hash('r') },
        },
      ],
    },
  },
  assumptions: [{ kind: 'proof', text: 'memory and the stack suffice' }],
  erasure: [
    {
      ...{ id: 'erasure:wipe_key', function: 'wipe_key', address: '0x401010', origin: 'manifest', outcome: 'residue' },
      ...{ waived: true, parts: [{ part: 'stack', outcome: 'residue', details: ['8 bytes'] }], fingerprint: hash('e') },
    },
  ],
  wiped: [{ function: 'wipe_key', depth: 64, isProved: true }],
  validation: [
    {
      ...{ id: 'validation:app.ts:f', function: 'app.ts:f', symbol: 'f', address: '0x401000', size: 16 },
      ...{ verdict: 'undecided', reason: 'a loop', callees: [], fingerprint: hash('v') },
    },
  ],
  stack: { bytes: 100, given: 4096, chain: [{ function: 'main', bytes: 100 }] },
  tcb: [{ component: 'application', objects: 1, codeBytes: 100, functions: 2, sourceLines: 10 }],
  controls: [{ name: 'a false claim', tool: 'z3 1', expected: 'sat', found: 'sat' }],
};

/** A finding of a rule that passes, unless more is said. */
export const findingOf = (rule: string, more: Partial<Finding> = {}): Finding =>
  finding(rule, undefined, { message: `${rule}: found`, ...more });
