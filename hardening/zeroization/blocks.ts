/**
 * Memory that an allocator gives, as plain data: which functions give and take it, and what is known of each block.
 */
import { type AllocatorRole, allocatorRoles } from '../../base/secrets.ts';

export interface Allocator {
  readonly name: string;
  readonly role: AllocatorRole;
  /** Memory that it frees it sets to zeros first. */
  readonly wipes?: boolean;
}

/** How many arguments each has. */
export const arityOf: Readonly<Record<AllocatorRole, number>> = {
  malloc: 1,
  calloc: 2,
  realloc: 2,
  reallocarray: 3,
  aligned_alloc: 2,
  posix_memalign: 3,
  free: 1,
};

/** Functions that are known by their names. */
export const knownAllocators: readonly Allocator[] = [
  ...allocatorRoles.map((role) => ({ name: role, role })),
  { name: 'memalign', role: 'aligned_alloc' },
  { name: 'cfree', role: 'free' },
];

/** What a call gave. */
export interface Allocated {
  /** Bytes; undefined: nobody knows. */
  readonly size: number | undefined;
  /** Its address is a multiple of this. */
  readonly alignment: number;
  /** The function's name. */
  readonly by: string;
  /** The call. */
  readonly at: number;
  /** Where that call returns to; -1: out of the function under question. */
  readonly site: number;
}

/** What has become of a region that was allocated or freed. */
export interface Block {
  /** `either`: on one way it was freed, on another one not. */
  readonly status: 'live' | 'freed' | 'either';
  /** It was allocated here: where it is in no list, it does not exist. Others exist always. */
  readonly isOwn: boolean;
  readonly freedAt?: number;
}

/** By region. */
export type Blocks = Map<number, Block>;

/** Joins `b` into `a`; whether `a` says something else now. */
export function joinBlocks(a: Blocks, b: ReadonlyMap<number, Block>): boolean {
  let changed = false;
  const put = (region: number, block: Block): void => {
    a.set(region, block);
    changed = true;
  };
  const onOneWay = (block: Block): Block => (block.isOwn ? block : { ...block, status: 'either' });
  for (const [region, block] of a)
    if (!b.has(region) && !block.isOwn && block.status === 'freed') put(region, onOneWay(block));
  for (const [region, block] of b) {
    const own = a.get(region);
    if (own === undefined) put(region, onOneWay(block));
    else if (own.status !== block.status && own.status !== 'either') {
      const freedAt = own.freedAt ?? block.freedAt;
      put(region, { ...own, status: 'either', ...(freedAt !== undefined && { freedAt }) });
    }
  }
  return changed;
}
