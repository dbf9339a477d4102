/**
 * Unions of records that a tag tells apart: one record of the tag and of all the variants' fields, of which those of the
 * other variants mean nothing.
 *
 * A field is read where the compiler has narrowed the union to variants that have it, but its word is not taken: that the
 * tag is one of theirs is demanded of the prover, and watched by the interpreter.
 */
import type { Expression, Span } from '../ir.ts';
import {
  boolean,
  domainOf,
  type EnumerationType,
  enumeration,
  type Field,
  integer,
  type Member,
  placeOf,
  type RecordType,
  sameType,
  type Type,
} from '../types.ts';
import type { ts } from './compiler.ts';
import { constantOf, literalOf } from './enumerations.ts';
import { anyValue } from './optional.ts';
import { refuse } from './refuse.ts';
import type { Scope } from './scope.ts';

export const isUnion = (type: Type): type is RecordType & { readonly union: true } =>
  type.kind === 'record' && type.union === true;

const writtenName = ({ name, written }: Field): string => written ?? name;

const tagType = (type: RecordType): EnumerationType => type.fields[0].type as EnumerationType;

const soleMember = (type: Type | undefined): Member | undefined =>
  type?.kind === 'enumeration' && type.members.length === 1 ? type.members[0] : undefined;

/** The one member that a field has in a variant. */
const markIn = ({ fields }: RecordType, name: string): Member | undefined =>
  soleMember(fields.find((field) => field.name === name)?.type);

/** The field that has another literal in each variant. */
function tagOf(variants: readonly RecordType[]): string | undefined {
  return variants[0].fields.find(({ name }) => {
    const marks = variants.map((variant) => markIn(variant, name));
    return (
      !marks.includes(undefined) &&
      new Set(marks).size === marks.length &&
      new Set(marks.map((mark) => typeof mark)).size === 1
    );
  })?.name;
}

/** The union of these; undefined when no tag tells them apart. */
export function unionOf(name: string, variants: readonly RecordType[]): RecordType | undefined {
  const tag = tagOf(variants);
  if (tag === undefined) return undefined;
  const type = enumeration(
    `${name}["${tag}"]`,
    variants.map((variant) => markIn(variant, tag)!),
  );
  const slots: { name: string; type: Type; where: bigint[] }[] = [];
  type.members.forEach((member, place) => {
    const { fields } = variants.find((variant) => markIn(variant, tag) === member)!;
    for (const field of fields) {
      if (field.name === tag) continue;
      const slot = slots.find((one) => one.name === field.name && sameType(one.type, field.type));
      if (slot === undefined) slots.push({ name: field.name, type: field.type, where: [BigInt(place)] });
      else slot.where.push(BigInt(place));
    }
  });
  const fields = slots.map((slot): Field => {
    const alone = slots.every((other) => other === slot || other.name !== slot.name);
    return alone ? slot : { ...slot, name: `${slot.name}.${slot.where.join('.')}`, written: slot.name };
  });
  return { kind: 'record', name, union: true, fields: [{ name: tag, type }, ...fields] };
}

const read = (operand: Expression, { name, type }: Field, span = operand.span): Expression => ({
  kind: 'field',
  operand,
  name,
  type,
  span,
});

/** The places of the tag that are left where the compiler has narrowed the union. */
function placesAt(scope: Scope, node: ts.Expression, type: RecordType): readonly bigint[] {
  const { checker } = scope.world;
  const { members } = tagType(type);
  const known = checker.getTypeAtLocation(node);
  const places = (known.isUnion() ? known.types : [known]).map((part) => {
    const tag = checker.getPropertyOfType(part, type.fields[0].name);
    const member = tag && literalOf(scope.world, checker.getTypeOfSymbol(tag));
    return member === undefined ? -1 : members.indexOf(member);
  });
  return places.includes(-1) ? members.map((_, i) => BigInt(i)) : places.map(BigInt);
}

/** The fields of this name that are there at one of the places. */
function fieldsNamed(type: RecordType, name: string, places: readonly bigint[]): Field[] {
  return type.fields.filter(
    (field) => writtenName(field) === name && (field.where?.some((place) => places.includes(place)) ?? true),
  );
}

/** u.name */
export function lowerUnionField(scope: Scope, node: ts.PropertyAccessExpression, operand: Expression): Expression {
  const type = operand.type as RecordType;
  const name = node.name.text;
  const span = scope.world.spanOf(node);
  const found = fieldsNamed(type, name, placesAt(scope, node.expression, type));
  const [first, ...others] = found;
  if (found.length === 1) return read(operand, first, span);
  const domains = new Set(found.map((field) => (field.type.kind === 'integer' ? domainOf(field.type) : undefined)));
  const [domain] = domains;
  if (domain !== undefined && domains.size === 1) {
    // Integers of several ranges are numbers.
    const common = integer(domain);
    const partIn = (field: Field): Expression => ({ ...read(operand, field, span), type: common }) as Expression;
    const tag = read(operand, type.fields[0], span);
    return others.reduce<Expression>(
      (rest, field) => ({
        kind: 'conditional',
        condition: isAt(tag, field.where!, span),
        whenTrue: partIn(field),
        whenFalse: rest,
        type: common,
        span,
      }),
      partIn(first),
    );
  }
  return refuse(
    span,
    found.length === 0 ? `no record of ${type.name} has the field ${name}` : `the field ${name} has several types here`,
    `Test ${type.fields[0].name} first.`,
  );
}

type Coerce = (expression: Expression, type: Type) => Expression;

/** Whether the tag is at one of the places. */
function isAt(tag: Expression, places: readonly bigint[], span: Span): Expression {
  const type = tag.type as EnumerationType;
  const tests = places.map(
    (value): Expression => ({
      kind: 'same',
      left: tag,
      right: { kind: 'member', value, type, span },
      type: boolean,
      span,
    }),
  );
  return tests.reduce((left, right) => ({ kind: 'logical', operator: 'or', left, right, type: boolean, span }));
}

/** A record as one of the union's, by its tag. */
function fromRecord(expression: Expression, type: RecordType, coerce: Coerce): Expression {
  const { span } = expression;
  const from = expression.type as RecordType;
  const partOf = (name: string): Expression => {
    const at = from.fields.findIndex((field) => field.name === name);
    if (at < 0) return refuse(span, `the field ${name} is missing`);
    return expression.kind === 'record' ? expression.fields[at] : read(expression, from.fields[at]);
  };
  const [tag, ...others] = type.fields;
  const own = partOf(tag.name);
  const mark = constantOf(own) ?? soleMember(own.type);
  const place = mark === undefined ? undefined : placeOf(tagType(type), mark);
  if (place === undefined)
    return refuse(span, `the tag ${tag.name} does not say which record of ${type.name} this is`, 'Write a literal.');
  const fields = others.map((field) =>
    field.where?.includes(place) ? coerce(partOf(writtenName(field)), field.type) : anyValue(field.type, span),
  );
  return { kind: 'record', type, fields: [coerce(own, tag.type), ...fields], span };
}

/** What the union says as a record that only some of its variants are. */
function toRecord(expression: Expression, type: RecordType, coerce: Coerce): Expression {
  const { span } = expression;
  const from = expression.type as RecordType;
  const tag = tagType(from);
  const mark = type.fields.find(({ name }) => name === from.fields[0].name)?.type;
  const places = tag.members.flatMap((member, i) =>
    mark?.kind === 'enumeration' && !mark.members.includes(member) ? [] : [BigInt(i)],
  );
  const fields = type.fields.map((field) => {
    const found = fieldsNamed(from, field.name, places);
    if (found.length !== 1)
      return refuse(
        span,
        `the field ${field.name} is missing, or has several types`,
        `Test ${from.fields[0].name} first.`,
      );
    return coerce(read(expression, found[0]), field.type);
  });
  return { kind: 'record', type, fields, span };
}

/** A union as another, field by field where the tag says that it is there. */
function toUnion(expression: Expression, type: RecordType, coerce: Coerce): Expression {
  const { span } = expression;
  const from = expression.type as RecordType;
  const [oldTag, newTag] = [tagType(from), tagType(type)];
  const tag = read(expression, from.fields[0]);
  if (from.fields[0].name !== type.fields[0].name)
    return refuse(span, `a ${from.name} where ${type.name} is expected`, 'Their tags have different names.');
  const fields = type.fields.slice(1).map((field) => {
    const wanted = field.where!.map((place) => newTag.members[Number(place)]);
    return from.fields.slice(1).reduce<Expression>(
      (rest, old) => {
        const places = old.where!.filter((place) => wanted.includes(oldTag.members[Number(place)]));
        if (writtenName(old) !== writtenName(field) || places.length === 0) return rest;
        const whenTrue = coerce(read(expression, old), field.type);
        return {
          kind: 'conditional',
          condition: isAt(tag, places, span),
          whenTrue,
          whenFalse: rest,
          type: field.type,
          span,
        };
      },
      anyValue(field.type, span),
    );
  });
  return { kind: 'record', type, fields: [coerce(tag, newTag), ...fields], span };
}

/** Between records of which one is a union. */
export function coerceUnion(expression: Expression, type: RecordType, coerce: Coerce): Expression {
  const { type: from, span } = expression;
  if (sameType(from, type)) return { ...expression, type } as Expression;
  // Each field would come from a call of its own.
  if (expression.kind === 'call')
    return refuse(span, 'the result of a call becomes another record here', 'Give it a name first.');
  if (!isUnion(from)) return fromRecord(expression, type, coerce);
  return isUnion(type) ? toUnion(expression, type, coerce) : toRecord(expression, type, coerce);
}
