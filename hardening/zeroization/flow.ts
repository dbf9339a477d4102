/**
 * Where the ways that part at a branch meet again: the immediate post-dominators of a function's instructions.
 *
 * What is written between a secret condition and that place depends on the secret. The graph is made of all instructions
 * that direct jumps reach from the function's beginning, wherever symbols say it ends. A jump to where a register says
 * may leave the function, so ways that pass one meet at the function's end at the earliest. What never comes to the end
 * (a call that does not return, a trap) has no part in where others meet.
 * Source: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", on the graph turned round.
 */

/** Where control may go from an instruction, as far as the code alone tells. */
export interface Flow {
  readonly to: readonly number[];
  /** It returns, or goes on where the code does not tell. */
  readonly leaves: boolean;
  /** Nothing is told: it has no meaning, or a register says where to. */
  readonly isUnclear?: true;
}

export const END = -1;

const MOST_INSTRUCTIONS = 200_000;

function postOrder(start: number, next: (node: number) => readonly number[]): number[] {
  const order: number[] = [];
  const seen = new Set([start]);
  const work: { readonly node: number; readonly to: readonly number[]; at: number }[] = [
    { node: start, to: next(start), at: 0 },
  ];
  for (let top = work.at(-1); top !== undefined; top = work.at(-1)) {
    const to = top.to[top.at++];
    if (to === undefined) {
      order.push(top.node);
      work.pop();
    } else if (!seen.has(to)) {
      seen.add(to);
      work.push({ node: to, to: next(to), at: 0 });
    }
  }
  return order;
}

/**
 * For each instruction of the function that begins at `entry` and may come to its end: where all its ways to the end
 * pass first. Undefined: there are more instructions than any function has.
 */
export function meetingPlaces(
  entry: number,
  flowAt: (address: number) => Flow,
): ReadonlyMap<number, number> | undefined {
  const before = new Map<number, number[]>([[END, []]]);
  const pending = [entry];
  const seen = new Set(pending);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (seen.size > MOST_INSTRUCTIONS) return undefined;
    const { to, leaves } = flowAt(node);
    for (const next of leaves ? [...to, END] : to) {
      const list = before.get(next);
      if (list === undefined) before.set(next, [node]);
      else list.push(node);
      if (next === END || seen.has(next)) continue;
      seen.add(next);
      pending.push(next);
    }
  }
  const order = postOrder(END, (node) => before.get(node) ?? []);
  const rank = new Map(order.map((node, i) => [node, i]));
  const meeting = new Map<number, number>([[END, END]]);
  const intersect = (a: number, b: number): number => {
    while (a !== b) {
      while (rank.get(a)! < rank.get(b)!) a = meeting.get(a)!;
      while (rank.get(b)! < rank.get(a)!) b = meeting.get(b)!;
    }
    return a;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = order.length - 2; i >= 0; i--) {
      const node = order[i]!;
      const { to, leaves } = flowAt(node);
      let place: number | undefined;
      for (const next of leaves ? [...to, END] : to) {
        if (!rank.has(next) || !meeting.has(next)) continue;
        place = place === undefined ? next : intersect(next, place);
      }
      if (place === undefined || meeting.get(node) === place) continue;
      meeting.set(node, place);
      changed = true;
    }
  }
  return meeting;
}
