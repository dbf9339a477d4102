/**
 * How much stack a whole program takes at most: the deepest chain of calls from its entry.
 *
 * Every function is read as machine code (machine/stack-use.ts), and a call is an edge whatever language it was written
 * in. Where the chain has no end that code shows, somebody must have said one: which functions an indirect call may come
 * to, and how many activations of a function a recursion has at once. Without that there is no bound, but the reasons why.
 */
import type { StackUse } from '../machine/stack-use.ts';

export interface CodeFunction {
  readonly name: string;
  readonly address: bigint;
}

export interface StackProgram {
  readonly entry: bigint;
  /** The function that begins at an address. */
  readonly functionAt: (address: bigint) => CodeFunction | undefined;
  readonly useOf: (fn: CodeFunction) => StackUse;
  /** Where indirect calls in a function may come to; undefined: nobody has said. */
  readonly indirect: (fn: CodeFunction) => readonly bigint[] | undefined;
  /** How many activations of a function there are at once, at most; undefined: nobody has said. */
  readonly activations: (fn: CodeFunction) => number | undefined;
}

export interface StackBound {
  /** Bytes below the stack pointer at the entry. */
  readonly bytes: number;
  /** The chain of calls that takes them: how deep each function is where it calls the next. */
  readonly chain: readonly { readonly name: string; readonly depth: number }[];
}

export interface StackReason {
  /** The function that has no bound, and where. */
  readonly name: string;
  readonly at: bigint;
  readonly text: string;
}

interface Edge {
  readonly to: bigint;
  readonly depth: number;
}

interface Node {
  readonly fn: CodeFunction;
  readonly deepest: number;
  readonly edges: readonly Edge[];
}

type Graph = ReadonlyMap<bigint, Node>;

/** All that can be reached, or why that is not known. */
function callGraph(program: StackProgram, reasons: StackReason[]): Graph {
  const nodes = new Map<bigint, Node>();
  const pending = [{ address: program.entry, from: 'the entry', at: program.entry }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (nodes.has(next.address)) continue;
    const fn = program.functionAt(next.address);
    if (fn === undefined) {
      reasons.push({ name: next.from, at: next.at, text: 'it calls what is no function that the image names' });
      continue;
    }
    const use = program.useOf(fn);
    if (use.problem !== undefined) reasons.push({ name: fn.name, ...use.problem });
    const edges: Edge[] = [];
    for (const { at, target, depth } of use.calls) {
      const targets = target === 'indirect' ? program.indirect(fn) : [target];
      if (targets === undefined)
        reasons.push({ name: fn.name, at, text: 'an indirect call, of which nobody has said where it may go' });
      for (const address of targets ?? []) {
        pending.push({ address, from: fn.name, at });
        edges.push({ to: address, depth });
      }
    }
    nodes.set(next.address, { fn, deepest: use.deepest, edges });
  }
  return nodes;
}

/** Groups of functions that call one another, callees first; edges out of `graph` do not count. Source: Tarjan 1972. */
function components(graph: Graph): bigint[][] {
  const order = new Map<bigint, number>();
  const low = new Map<bigint, number>();
  const open: bigint[] = [];
  const isOpen = new Set<bigint>();
  const found: bigint[][] = [];
  const begin = (address: bigint): { address: bigint; edge: number } => {
    low.set(address, order.size);
    order.set(address, order.size);
    open.push(address);
    isOpen.add(address);
    return { address, edge: 0 };
  };
  const lower = (address: bigint, to: number): void => {
    low.set(address, Math.min(low.get(address)!, to));
  };
  for (const start of graph.keys()) {
    if (order.has(start)) continue;
    const work = [begin(start)];
    for (let top = work.at(-1); top !== undefined; top = work.at(-1)) {
      const { address } = top;
      const { edges } = graph.get(address)!;
      if (top.edge < edges.length) {
        const { to } = edges[top.edge++];
        if (!graph.has(to)) continue;
        if (!order.has(to)) work.push(begin(to));
        else if (isOpen.has(to)) lower(address, order.get(to)!);
        continue;
      }
      work.pop();
      const above = work.at(-1)?.address;
      if (above !== undefined) lower(above, low.get(address)!);
      if (low.get(address) !== order.get(address)) continue;
      const group = open.splice(open.lastIndexOf(address));
      for (const one of group) isOpen.delete(one);
      found.push(group);
    }
  }
  return found;
}

const isRecursive = (graph: Graph, group: readonly bigint[]): boolean =>
  group.length > 1 || graph.get(group[0])!.edges.some(({ to }) => to === group[0]);

/** What a function takes with all that it calls outside of its group. */
function below(
  { fn, deepest, edges }: Node,
  group: ReadonlySet<bigint>,
  known: ReadonlyMap<bigint, StackBound>,
): StackBound {
  let most: StackBound = { bytes: deepest, chain: [{ name: fn.name, depth: deepest }] };
  for (const { to, depth } of edges) {
    const callee = known.get(to);
    if (group.has(to) || callee === undefined || depth + callee.bytes <= most.bytes) continue;
    most = { bytes: depth + callee.bytes, chain: [{ name: fn.name, depth }, ...callee.chain] };
  }
  return most;
}

/** A group that calls itself: it has a bound when each of its circles goes through a function that somebody has counted. */
function recursion(
  program: StackProgram,
  graph: Graph,
  group: readonly bigint[],
  known: ReadonlyMap<bigint, StackBound>,
): StackBound | StackReason {
  const all = group.map((address) => graph.get(address)!);
  const counts = all.map(({ fn }) => program.activations(fn));
  const uncounted = new Map(all.flatMap((node, i) => (counts[i] === undefined ? [[node.fn.address, node]] : [])));
  const circle = components(uncounted).find((part) => isRecursive(uncounted, part));
  if (circle !== undefined) {
    const names = circle.map((address) => graph.get(address)!.fn.name);
    const at = circle[0];
    const text = `it is called again before it returns (by ${names.join(', ')}), and nobody has said how often`;
    return { name: names[0], at, text };
  }
  // Between two activations of counted functions each other one is active once at most.
  const members = new Set(group);
  const rounds = counts.reduce<number>((sum, count) => sum + (count ?? 0), 1);
  const inside = all.map(({ edges }) =>
    edges.reduce((most, { to, depth }) => (members.has(to) ? Math.max(most, depth) : most), 0),
  );
  const bytes = rounds * inside.reduce((sum, depth) => sum + depth, 0);
  const last = all.map((node) => below(node, members, known)).reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const name = `${all.map(({ fn }) => fn.name).join(', ')} (${rounds} rounds of a recursion)`;
  return { bytes: bytes + last.bytes, chain: [{ name, depth: bytes }, ...last.chain] };
}

/** The bound, or why there is none. */
export function stackBound(program: StackProgram): StackBound | readonly StackReason[] {
  const reasons: StackReason[] = [];
  const graph = callGraph(program, reasons);
  const known = new Map<bigint, StackBound>();
  for (const group of components(graph)) {
    if (!isRecursive(graph, group)) {
      known.set(group[0], below(graph.get(group[0])!, new Set(), known));
      continue;
    }
    const whole = recursion(program, graph, group, known);
    if ('text' in whole) reasons.push(whole);
    else for (const address of group) known.set(address, whole);
  }
  const whole = known.get(program.entry);
  return reasons.length > 0 || whole === undefined ? reasons : whole;
}
