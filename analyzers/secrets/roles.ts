/** What a contract says of each place of a function's parameters: secret, meant to be seen, or nothing. */
import { type FunctionIr, isArrayVariable, isObjectVariable, ownedArrays, type Variable } from '../ir.ts';
import { fieldCell } from './state.ts';

/** `secret`: may hold what depends on a secret, and is the caller's to wipe. `shown`: is @declassifies. */
export type Role = 'secret' | 'shown';

/** The places that a variable is: an array one, an object one a field and one an array that it owns. */
export const placesOf = (variable: Variable): readonly { readonly id: string; readonly name: string }[] =>
  isObjectVariable(variable)
    ? [
        ...variable.type.record.fields.map(({ name }) => ({
          id: fieldCell(variable, name),
          name: `${variable.name}.${name}`,
        })),
        ...ownedArrays(variable),
      ]
    : [variable];

/** By the id of a variable, and of each place of an object. */
export function rolesOf({ parameters, secrets }: Pick<FunctionIr, 'parameters' | 'secrets'>): Map<string, Role> {
  const roles = new Map<string, Role>();
  if (secrets === undefined) return roles;
  for (const variable of parameters) {
    const role = secrets.secret.includes(variable.id)
      ? 'secret'
      : secrets.declassified.includes(variable.id)
        ? 'shown'
        : undefined;
    if (role === undefined) continue;
    roles.set(variable.id, role);
    for (const { id } of placesOf(variable)) roles.set(id, role);
  }
  return roles;
}

/** Whether a variable is memory and no value. */
export const isMemory = (variable: Variable): boolean => isArrayVariable(variable) || isObjectVariable(variable);
