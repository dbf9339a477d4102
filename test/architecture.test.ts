/**
 * The house's plan (docs/design.md), held against the code: which folder may import which, that no cycle exists, and
 * where files, processes, the clock and randomness may be touched.
 *
 * The rules are functions over plain data (path and text of each source file), so that they prove themselves below on
 * made-up violations before they judge the real tree.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Source {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** The arrows of docs/design.md. proofs/smt is a room of its own: hardening may use terms without the rest. */
const arrows: Record<string, readonly string[]> = {
  cli: ['pipeline', 'targets', 'evidence', 'lowering', 'hardening', 'proofs', 'linker', 'machine', 'analyzers', 'base'],
  pipeline: ['targets', 'evidence', 'lowering'],
  evidence: ['hardening', 'proofs'],
  targets: ['hardening'],
  hardening: ['linker', 'machine', 'proofs/smt'],
  lowering: ['analyzers'],
  proofs: ['proofs/smt', 'analyzers', 'machine'],
  'proofs/smt': ['base'],
  machine: ['base'],
  analyzers: ['base'],
  linker: ['base'],
  base: [],
};

/**
 * The one module of a folder that may touch the outside, besides cli and pipeline, which may anywhere. A new entry is a
 * decision: keep the module thin and everything else in its folder a function of its arguments.
 */
const edges = [
  'analyzers/library/platform-node.ts',
  'base/files.ts',
  'proofs/smt/solver.ts',
  'proofs/smt/store/files.ts',
  'proofs/smt/z3/process.ts',
  'proofs/smt/z3/worker/main.ts',
  'targets/hvt/machine.ts',
];

/** Folders that the arrows do not cover; they may import anything, nothing of the house may import them. */
const outside = ['test', 'bench', 'scripts', 'examples'];

/** Every folder that an arrow leads to, directly or through others. */
function reachable(from: string): Set<string> {
  const seen = new Set<string>();
  const visit = (room: string): void => {
    for (const next of [...(arrows[room] ?? []), 'base']) {
      if (next === room || seen.has(next)) continue;
      seen.add(next);
      visit(next);
    }
  };
  visit(from);
  return seen;
}

function roomOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'proofs' && parts[1] === 'smt' && parts.length > 2 ? 'proofs/smt' : parts[0];
}

/** Blanks comments, and string contents too when `strings` is set; line numbers stay. What a template literal computes stays. */
function blank(text: string, strings: boolean): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{[^{}`]*\})*`|(?<=[=(,:[!&|?{};\n]\s*)\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;
  return text.replace(token, (found) => {
    const comment = found.startsWith('//') || found.startsWith('/*');
    if (!comment && !strings) return found;
    // What a template literal computes is code: only the text around ${...} is blanked.
    if (found.startsWith('`')) return found.replace(/(\$\{[^{}`]*\})|[^\n]/g, (_, code?: string) => code ?? ' ');
    return found.replace(/[^\n]/g, ' ');
  });
}

/** Module names that a source imports or re-exports: static, side-effect, dynamic and type-only. */
function importsOf(source: Source): string[] {
  const text = blank(source.text, false);
  const forms = [
    /\b(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g,
  ];
  return forms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1]));
}

/** The file of ours that a relative import means. */
function target(source: Source, name: string): string | undefined {
  return name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(source.path), name)) : undefined;
}

/** Data that code may import from outside the rooms: the shipped schemas and the package's version. */
const data = /^(docs\/.*|package)\.json$/;

/** Imports against the arrows. */
function brokenArrows(sources: readonly Source[]): string[] {
  const problems: string[] = [];
  for (const source of sources) {
    const from = roomOf(source.path);
    if (outside.includes(from)) continue;
    if (arrows[from] === undefined) {
      problems.push(`${source.path}: the folder ${from} is not in the plan`);
      continue;
    }
    for (const name of importsOf(source)) {
      const path = target(source, name);
      if (path === undefined || data.test(path)) continue;
      const to = roomOf(path);
      if (to !== from && !reachable(from).has(to))
        problems.push(`${source.path} imports ${path}: no arrow ${from} -> ${to}`);
    }
  }
  return problems;
}

/** Cycles in a graph, each once, as "a -> b -> a". */
function cycles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (node: string, trail: readonly string[]): void => {
    if (state.get(node) === 'done') return;
    if (state.get(node) === 'open') {
      found.push([...trail.slice(trail.indexOf(node)), node].join(' -> '));
      return;
    }
    state.set(node, 'open');
    for (const next of graph.get(node) ?? []) visit(next, [...trail, node]);
    state.set(node, 'done');
  };
  for (const node of [...graph.keys()].sort()) visit(node, []);
  return found;
}

/** Which folder imports which. */
function folderGraph(sources: readonly Source[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const source of sources) {
    const from = roomOf(source.path);
    if (outside.includes(from)) continue;
    for (const name of importsOf(source)) {
      const path = target(source, name);
      if (path === undefined || roomOf(path) === from || data.test(path)) continue;
      graph.set(from, (graph.get(from) ?? new Set()).add(roomOf(path)));
    }
  }
  return graph;
}

const effects: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['the clock', /\bDate\b|\bperformance\s*\.\s*now\b|\bhrtime\b/],
  ['randomness', /\bMath\s*\.\s*random\b|\brandom(Bytes|UUID|Int|FillSync|Fill)\b|\bgetRandomValues\b/],
  ['timers', /\bset(Timeout|Interval|Immediate)\b/],
  ['the process', /\bprocess\s*\.\s*(env|argv|exit|cwd|stdout|stderr|stdin|on|kill|chdir|hrtime)\b/],
  ['the console', /\bconsole\s*\./],
  ['the network', /\bfetch\s*\(/],
];

/** Node modules that reach outside. node:path, node:url, node:buffer and hashing do not. */
const outsideModules =
  /^(node:)?(fs|fs\/promises|child_process|worker_threads|cluster|net|http|https|http2|dgram|dns|tls|os|readline|tty|perf_hooks|timers|timers\/promises|process)$/;

/** Uses of the outside where only pure functions may be. */
function impureUses(sources: readonly Source[], allowed: readonly string[]): string[] {
  const problems: string[] = [];
  for (const source of sources) {
    const room = roomOf(source.path);
    if (outside.includes(room) || room === 'cli' || room === 'pipeline' || allowed.includes(source.path)) continue;
    for (const name of importsOf(source)) {
      if (outsideModules.test(name)) problems.push(`${source.path} imports ${name}`);
    }
    const code = blank(source.text, true);
    for (const [what, pattern] of effects) {
      const at = code.search(pattern);
      if (at >= 0) problems.push(`${source.path}:${code.slice(0, at).split('\n').length} touches ${what}`);
    }
  }
  return problems;
}

function readTree(folder: string): Source[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): Source[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : readTree(path);
    if (!/\.[cm]?ts$/.test(entry.name)) return [];
    return [{ path: relative(root, path).split('\\').join('/'), text: readFileSync(path, 'utf8') }];
  });
}

const tree = readTree(root).filter((source) => posix.dirname(source.path) !== '.');

describe('the rules see what they are for', () => {
  const linkerFile = (text: string): Source[] => [{ path: 'linker/x.ts', text }];

  it.each([
    ['a static import', "import { a } from '../pipeline/build.ts';"],
    ['one over several lines', "import {\n  a,\n  type B,\n} from '../pipeline/build.ts';"],
    ['a type-only import', "import type { A } from '../pipeline/build.ts';"],
    ['a side-effect import', "import '../pipeline/build.ts';"],
    ['a re-export', "export * from '../pipeline/build.ts';"],
    ['a dynamic import', "const m = await import('../pipeline/build.ts');"],
    ['a type from import()', "type A = import('../pipeline/build.ts').A;"],
    ['double quotes', 'import { a } from "../pipeline/build.ts";'],
    ['an import after another', "import { b } from './b.ts';\nimport { a } from '../pipeline/build.ts';"],
  ])('finds %s against the arrows', (_, text) => {
    expect(brokenArrows(linkerFile(text))).toEqual([
      'linker/x.ts imports pipeline/build.ts: no arrow linker -> pipeline',
    ]);
  });

  it('lets nothing import cli or test, and knows every folder', () => {
    expect(brokenArrows([{ path: 'pipeline/x.ts', text: "import '../cli/casemate.ts'" }])).toHaveLength(1);
    expect(brokenArrows([{ path: 'pipeline/x.ts', text: "import '../test/setup.ts'" }])).toHaveLength(1);
    expect(brokenArrows([{ path: 'utils/x.ts', text: '' }])).toEqual([
      'utils/x.ts: the folder utils is not in the plan',
    ]);
  });

  it('follows arrows through other folders, and lets hardening use proofs/smt but not proofs', () => {
    expect(brokenArrows([{ path: 'pipeline/x.ts', text: "import '../linker/link.ts'" }])).toEqual([]);
    expect(brokenArrows([{ path: 'hardening/x.ts', text: "import '../proofs/smt/term.ts'" }])).toEqual([]);
    expect(brokenArrows([{ path: 'hardening/x.ts', text: "import '../proofs/replay.ts'" }])).toHaveLength(1);
    expect(brokenArrows([{ path: 'proofs/smt/x.ts', text: "import '../replay.ts'" }])).toHaveLength(1);
  });

  it('does not take comments and strings for imports', () => {
    expect(
      brokenArrows(linkerFile("// import '../pipeline/build.ts'\n/* from '../cli/a.ts' */\nconst a = 1;")),
    ).toEqual([]);
  });

  it('finds a folder cycle', () => {
    const sources = [
      { path: 'linker/a.ts', text: "import '../base/b.ts'" },
      { path: 'base/b.ts', text: "import '../linker/a.ts'" },
    ];
    expect(cycles(folderGraph(sources))).toEqual(['base -> linker -> base']);
  });

  it.each([
    ['files', "import { readFileSync } from 'node:fs';", 'linker/x.ts imports node:fs'],
    ['processes', "import { spawn } from 'child_process';", 'linker/x.ts imports child_process'],
    ['the clock', 'const a = 1;\nconst t = Date.now();', 'linker/x.ts:2 touches the clock'],
    ['randomness', 'const r = Math.random();', 'linker/x.ts:1 touches randomness'],
    ['cryptographic randomness', "import { randomBytes } from 'node:crypto';", 'linker/x.ts:1 touches randomness'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text to judge
    ['the clock in a template', 'const s = `at ${Date.now()}`;', 'linker/x.ts:1 touches the clock'],
    ['the environment', 'const e = process.env.HOME;', 'linker/x.ts:1 touches the process'],
  ])('finds a use of %s where functions must be pure', (_, text, problem) => {
    expect(impureUses(linkerFile(text), [])).toEqual([problem]);
    expect(impureUses(linkerFile(text), ['linker/x.ts'])).toEqual([]);
    expect(impureUses([{ path: 'pipeline/x.ts', text }], [])).toEqual([]);
  });

  it('does not take words in comments, strings and hashing for effects', () => {
    const text =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: source text to judge
      "import { createHash } from 'node:crypto';\n// Date.now()\nconst s = 'Math.random';\nconst t = `${s}/console.c`;";
    expect(impureUses(linkerFile(text), [])).toEqual([]);
  });
});

describe('the tree', () => {
  it('is all there to be judged', () => {
    const rooms = new Set(tree.map((source) => roomOf(source.path)));
    for (const room of ['base', 'linker', 'pipeline', 'test']) expect(rooms).toContain(room);
    const imports = tree.flatMap((source) => importsOf(source).map((name) => target(source, name) ?? ''));
    expect(imports).toContain('base/errors.ts');
    expect(imports).toContain('linker/request.ts');
  });

  it('has a plan without cycles', () => {
    const plan = new Map(Object.entries(arrows).map(([from, to]) => [from, new Set(to)]));
    expect(cycles(plan)).toEqual([]);
  });

  it('follows the arrows', () => {
    expect(brokenArrows(tree)).toEqual([]);
  });

  it('has no folder cycle', () => {
    expect(cycles(folderGraph(tree))).toEqual([]);
  });

  it('touches the outside only in cli, pipeline and one module per folder', () => {
    expect(impureUses(tree, edges)).toEqual([]);
    expect(new Set(edges.map((edge) => dirname(edge))).size).toBe(edges.length);
  });
});
