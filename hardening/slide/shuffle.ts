/**
 * Where a random order puts one unit: the exact distribution of the bytes that stand before it.
 *
 * In a uniformly random order the others that precede a unit are a random subset, of uniformly random size. The same
 * subset comes from drawing t uniformly from [0, 1] and letting each other unit precede with probability t on its own
 * (give every unit a uniform arrival time; t is this one's). So the distribution of the sum of sizes is the integral
 * over t of a product of two-point distributions, whose every entry is a polynomial in t of a degree of at most the
 * number of others. Gauss-Legendre quadrature with half as many nodes integrates it without error, in room for one
 * distribution instead of one for each number of predecessors, and adds positive numbers only, so that rounding stays
 * at the scale of a double's last digits.
 */

/** Nodes and weights of Gauss-Legendre quadrature on [0, 1], exact for polynomials of degree 2 * count - 1. */
export function gaussLegendre(count: number): { readonly node: number; readonly weight: number }[] {
  return Array.from({ length: count }, (_, i) => {
    // Newton's method on the Legendre polynomial, from the usual first guess of its i-th root.
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let step = 0; step < 100; step++) {
      let [before, value] = [1, x];
      for (let degree = 2; degree <= count; degree++) {
        [before, value] = [value, ((2 * degree - 1) * x * value - (degree - 1) * before) / degree];
      }
      slope = (count * (x * value - before)) / (x * x - 1);
      const change = value / slope;
      x -= change;
      if (Math.abs(change) < 1e-15) break;
    }
    return { node: (1 + x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}

/** Steps that `sumBefore` takes, for a caller to bound. `sizes` as there. */
export function shuffleWork(sizes: readonly number[]): number {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return ((sizes.length >> 1) + 1) * sizes.length * (total + 1);
}

/**
 * Probabilities of the sum of the sizes that stand before one unit, from 0 to all. `sizes` are those of all other
 * units, whole numbers.
 */
export function sumBefore(sizes: readonly number[]): Float64Array {
  const present = sizes.filter((size) => size > 0);
  const total = present.reduce((sum, size) => sum + size, 0);
  const result = new Float64Array(total + 1);
  const given = new Float64Array(total + 1);
  for (const { node, weight } of gaussLegendre((present.length >> 1) + 1)) {
    given.fill(0);
    given[0] = weight;
    let reached = 0;
    for (const size of present) {
      reached += size;
      for (let sum = reached; sum >= size; sum--) given[sum] = given[sum] * (1 - node) + given[sum - size] * node;
      for (let sum = Math.min(size, reached + 1) - 1; sum >= 0; sum--) given[sum] *= 1 - node;
    }
    for (let sum = 0; sum <= total; sum++) result[sum] += given[sum];
  }
  return result;
}
