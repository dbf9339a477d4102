/**
 * Closed lists of values: enums, unions of string literals, and literals as the types of fields.
 *
 * An enum's member is the number that it is written as wherever a number is wanted, and a member where the enum is, so
 * that a number which is none fails. An enum that is only declared has its values somewhere else: it is any number.
 */
import type { Expression, Span } from '../ir.ts';
import { boolean, type EnumerationType, enumeration, integer, type Member, placeOf, showMember } from '../types.ts';
import { isAmbient, ts } from './compiler.ts';
import { refuse } from './refuse.ts';
import type { World } from './scope.ts';

/** The value of a type that has only one. */
export function literalOf(world: World, type: ts.Type): Member | undefined {
  const declaration = type.symbol?.valueDeclaration;
  if (declaration !== undefined && ts.isEnumMember(declaration) && isAmbient(declaration)) return undefined;
  if (type.isStringLiteral()) return type.value;
  if (type.isNumberLiteral()) return Number.isSafeInteger(type.value) ? BigInt(type.value) : undefined;
  if ((type.flags & ts.TypeFlags.BooleanLiteral) !== 0) return world.checker.typeToString(type) === 'true';
  return undefined;
}

/** An enum, or strings; undefined for other types, numbers among them. */
export function lowerEnumeration(world: World, type: ts.Type): EnumerationType | undefined {
  const parts = type.isUnion() ? type.types : [type];
  const members = parts.map((part) => literalOf(world, part));
  const closed = parts.every((part, i) => {
    const member = members[i];
    const isEnum = (part.flags & ts.TypeFlags.EnumLiteral) !== 0;
    return typeof member === 'string' || (typeof member === 'bigint' && isEnum);
  });
  const kinds = new Set(members.map((member) => typeof member));
  return closed && kinds.size === 1 ? enumeration(world.checker.typeToString(type), members as Member[]) : undefined;
}

/** A literal as the type of a field, such as a union's tag. */
export function lowerLiteral(world: World, type: ts.Type): EnumerationType | undefined {
  const member = literalOf(world, type);
  return member === undefined ? undefined : enumeration(showMember(member), [member]);
}

/** A member, as a value of the enumeration. */
export function memberOf(type: EnumerationType, member: Member, span: Span): Expression {
  const value = placeOf(type, member);
  if (value === undefined) return refuse(span, `${showMember(member)} is none of ${type.name}`);
  return { kind: 'member', value, type, span };
}

export const text = (value: string, span: Span): Expression =>
  memberOf(enumeration(showMember(value), [value]), value, span);

/** The value of a literal. What has only one possible value is none: that it has one must still be shown. */
export function constantOf(expression: Expression): Member | undefined {
  if (expression.kind === 'integer' || expression.kind === 'boolean') return expression.value;
  return expression.kind === 'member' ? expression.type.members[Number(expression.value)] : undefined;
}

const truth = (value: boolean, span: Span): Expression => ({ kind: 'boolean', value, type: boolean, span });

const sameAs = (left: Expression, right: Expression, span: Span): Expression => ({
  kind: 'same',
  left,
  right,
  type: boolean,
  span,
});

/** A member as the number or the truth that it is written as; whatever else it is stays. */
export function plain(expression: Expression): Expression {
  const { type, span } = expression;
  if (type.kind !== 'enumeration') return expression;
  const known = constantOf(expression);
  if (typeof known === 'bigint') return { kind: 'integer', value: known, type: integer('number'), span };
  if (typeof known === 'boolean') return truth(known, span);
  if (type.members.every((member) => typeof member === 'bigint'))
    return { kind: 'convert', operand: expression, type: integer('number'), span };
  if (type.members.every((member) => typeof member === 'boolean'))
    return sameAs(expression, memberOf(type, true, span), span);
  return expression;
}

/** The expression as a member of the enumeration; undefined where it can be none. */
export function coerceMember(expression: Expression, type: EnumerationType): Expression | undefined {
  const { span, type: from } = expression;
  const known = constantOf(expression);
  if (known !== undefined) return memberOf(type, known, span);
  if (from.kind === 'integer' && from.name !== 'bigint' && from.name !== 'u64' && from.name !== 'i64')
    return type.members.some((member) => typeof member === 'bigint')
      ? { kind: 'convert', operand: expression, type, span }
      : undefined;
  if (from.kind !== 'enumeration' || !from.members.some((member) => type.members.includes(member))) return undefined;
  const same = from.members.length === type.members.length && from.members.every((one, i) => one === type.members[i]);
  return same ? ({ ...expression, type } as Expression) : { kind: 'convert', operand: expression, type, span };
}

/** An enumeration of the members of both. */
export const joined = (a: EnumerationType, b: EnumerationType): EnumerationType =>
  enumeration(`${a.name} | ${b.name}`, [...a.members, ...b.members]);

/** Equality of two values of which one is a member; undefined where they are compared as something else. */
export function equalMembers(left: Expression, right: Expression, span: Span): Expression | undefined {
  if (right.type.kind !== 'enumeration') {
    return left.type.kind === 'enumeration' ? equalMembers(right, left, span) : undefined;
  }
  const known = constantOf(left);
  if (known !== undefined) {
    return right.type.members.includes(known)
      ? sameAs(memberOf(right.type, known, left.span), right, span)
      : truth(false, span);
  }
  if (left.type.kind !== 'enumeration') return undefined;
  const type = joined(left.type, right.type);
  return sameAs(coerceMember(left, type)!, coerceMember(right, type)!, span);
}
