import type { AddressState } from './addresses.ts';
export function mapText(_s: AddressState, _d: readonly number[]): string {
  return '';
}
