/**
 * From the compiler's types to ours. What has no counterpart is refused by the name that the compiler gives it.
 *
 * A brand is recognised by its property, which only the `casemate` module declares. A type that is written down and
 * one that is inferred come the same way, so there is one place where `any` (which would be a hole) is turned away.
 */
import type { Span } from '../ir.ts';
import {
  type ArrayType,
  boolean,
  domainOf,
  type IntegerName,
  integer,
  integerNames,
  listOf,
  nothing,
  type RecordType,
  type Type,
  typedArrays,
} from '../types.ts';
import { CONTRACTS_FILE, GLOBALS_FILE, ts } from './compiler.ts';
import { literalOf, lowerEnumeration, lowerLiteral } from './enumerations.ts';
import { argumentOf } from './generics.ts';
import { optionalOf } from './optional.ts';
import { refuse } from './refuse.ts';
import type { World } from './scope.ts';
import { unionOf } from './unions.ts';

function declaredIn(symbol: ts.Symbol | undefined, file: string): boolean {
  return symbol?.declarations?.[0]?.getSourceFile().fileName === file;
}

/**
 * The integer type of a type with a brand. The brand alone does not make one, since a mapped type may keep that and
 * nothing else: all values must be numbers, or bigints, too.
 */
function brandOf(type: ts.Type, checker: ts.TypeChecker): IntegerName | undefined {
  const brands = integerNames.filter((name) =>
    declaredIn(checker.getPropertyOfType(type, `__${name}`), CONTRACTS_FILE),
  );
  if (brands.length !== 1) return undefined;
  const wanted = brands[0] === 'u64' || brands[0] === 'i64' ? ts.TypeFlags.BigIntLike : ts.TypeFlags.NumberLike;
  const isWanted = (one: ts.Type): boolean =>
    one.isUnion()
      ? one.types.every(isWanted)
      : one.isIntersection() && one.types.some(({ flags }) => (flags & wanted) !== 0);
  return isWanted(type) ? brands[0] : undefined;
}

/** The type that `Readonly<T>` has been given. */
export function withoutReadonly(type: ts.Type): ts.Type | undefined {
  const { aliasSymbol, aliasTypeArguments } = type;
  if (aliasSymbol?.name !== 'Readonly' || !declaredIn(aliasSymbol, GLOBALS_FILE)) return undefined;
  return aliasTypeArguments?.[0];
}

/** The `Type` of a compiler's type; `span` is what a refusal points at. */
export function lowerType(world: World, type: ts.Type, span: Span, depth = 0, frozen = false): Type {
  const { checker } = world;
  const shown = checker.typeToString(type);
  const has = (flags: ts.TypeFlags): boolean => (type.flags & flags) !== 0;
  if (depth > 8) refuse(span, `the type ${shown} is nested too deeply`, 'Use a record of fewer levels.');
  if (has(ts.TypeFlags.Any))
    refuse(span, 'the type any says nothing', 'Write the type down: u8, number, boolean, Uint8Array...');
  if (has(ts.TypeFlags.Void)) return nothing;
  const argument = argumentOf(world, type);
  if (argument !== undefined) return argument;
  const closed = lowerEnumeration(world, type);
  if (closed !== undefined) return closed;
  if (has(ts.TypeFlags.NumberLike)) {
    const parts = type.isUnion() ? type.types : [type];
    const others = ts.TypeFlags.NumberLiteral | ts.TypeFlags.EnumLike;
    if (parts.some((part) => (part.flags & others) !== 0 && literalOf(world, part) === undefined))
      refuse(
        span,
        type.isNumberLiteral() && !has(ts.TypeFlags.EnumLike)
          ? `${shown} is no safe integer`
          : `the type ${shown} has values that are no integers, or are not known`,
        'Members of enums and of unions are integers, and defined in a file that is proved.',
      );
    return integer('number');
  }
  if (has(ts.TypeFlags.BigIntLike)) return integer('bigint');
  if (has(ts.TypeFlags.BooleanLike)) return boolean;
  const brand = brandOf(type, checker);
  if (brand !== undefined) return integer(brand);
  if (type.isUnion()) return lowerUnion(world, type, span, depth);
  const inner = withoutReadonly(type);
  if (inner !== undefined) {
    const lowered = lowerType(world, inner, span, depth + 1, true);
    if (lowered.kind === 'array') return { ...lowered, readonly: true };
    if (lowered.kind === 'record') return lowered;
    refuse(span, `the type ${shown} is not supported`, 'Readonly<...> takes a typed array or a record.');
  }
  if (checker.isArrayType(type)) return lowerList(world, type as ts.TypeReference, span, depth, frozen);
  const name = type.symbol?.name ?? '';
  if (!checker.isTupleType(type) && declaredIn(type.symbol, GLOBALS_FILE)) {
    // Bytes with other operations, see data-view.ts.
    if (name === 'DataView') return { kind: 'array', name, element: integer('u8'), readonly: false };
    if (Object.hasOwn(typedArrays, name)) {
      return { kind: 'array', name, element: integer(typedArrays[name]), readonly: false };
    }
  } else if (checker.isTupleType(type)) {
    return lowerTuple(world, type as ts.TypeReference, span, depth, frozen);
  } else if (has(ts.TypeFlags.Object)) {
    const record = lowerRecord(world, type, span, depth, frozen);
    if (record !== undefined) return record;
  }
  return refuse(
    span,
    `the type ${shown} is not supported`,
    `Supported are boolean, ${integerNames.join(', ')}, ${Object.keys(typedArrays).join(', ')}, Readonly<> of those, records of readonly fields, and readonly arrays of values.`,
  );
}

/** A union of integer types is the widest of its domain: `c ? x : 0` of a u8 is a number. */
function lowerUnion(world: World, type: ts.UnionType, span: Span, depth: number): Type {
  const shown = world.checker.typeToString(type);
  const has = (flag: ts.TypeFlags): boolean => type.types.some((member) => (member.flags & flag) !== 0);
  if (has(ts.TypeFlags.Null)) refuse(span, `the type ${shown} is not supported`, 'Use undefined.');
  if (has(ts.TypeFlags.Undefined)) {
    return optionalOf(lowerType(world, world.checker.getNonNullableType(type), span, depth + 1), shown, span);
  }
  const members = type.types.map((member) => lowerType(world, member, span, depth + 1));
  const [first] = members;
  if (
    first.kind === 'integer' &&
    members.every((member) => member.kind === 'integer' && domainOf(member) === domainOf(first))
  ) {
    const names = new Set(members.map((member) => (member.kind === 'integer' ? member.name : '')));
    return names.size === 1 ? first : integer(domainOf(first) === 'number' ? 'number' : 'bigint');
  }
  const variants = members.flatMap((member) => (member.kind === 'record' && !member.optional ? [member] : []));
  const union = variants.length === members.length ? unionOf(shown, variants) : undefined;
  return (
    union ??
    refuse(
      span,
      `the type ${shown} is not supported`,
      "A union is of strings, or of records that a literal tells apart: { readonly kind: 'a', ... } | { readonly kind: 'b', ... }.",
    )
  );
}

/** `readonly T[]`: a list, which nobody writes. */
function lowerList(world: World, type: ts.TypeReference, span: Span, depth: number, frozen: boolean): ArrayType {
  const { checker } = world;
  const shown = checker.typeToString(type);
  if (type.symbol.name !== 'ReadonlyArray' && !frozen)
    refuse(
      span,
      `the type ${shown} is not supported`,
      'Take readonly T[] where it is only read, or a typed array such as Uint8Array.',
    );
  const element = lowerType(world, checker.getTypeArguments(type)[0], span, depth + 1);
  if (element.kind === 'array' || element.kind === 'void')
    refuse(span, `the array ${shown} holds arrays`, 'Arrays hold integers, booleans and records.');
  return listOf(element);
}

/** A readonly tuple: a record whose fields are its places. */
function lowerTuple(world: World, type: ts.TypeReference, span: Span, depth: number, frozen: boolean): RecordType {
  const { checker } = world;
  const target = type.target as ts.TupleType;
  const shown = checker.typeToString(type);
  if (!(target.readonly || frozen) || target.elementFlags.some((flag) => flag !== ts.ElementFlags.Required)) {
    refuse(span, `the tuple ${shown} can be written, or has no fixed length`, 'Write readonly [number, number].');
  }
  const fields = checker.getTypeArguments(type).map((place, i) => {
    const lowered = lowerType(world, place, span, depth + 1);
    if (lowered.kind === 'array' || lowered.kind === 'void')
      return refuse(span, `the tuple ${shown} holds an array`, 'Pass it as a parameter of its own.');
    return { name: String(i), type: lowered };
  });
  return { kind: 'record', name: shown, fields };
}

const fieldName = /^([\p{ID_Start}$_][\p{ID_Continue}$]*|\d+)$/u;

/** A record: an object type with nothing but readonly fields that are values. */
function lowerRecord(world: World, type: ts.Type, span: Span, depth: number, frozen: boolean): RecordType | undefined {
  const { checker } = world;
  if (type.isClass() || checker.getSignaturesOfType(type, ts.SignatureKind.Call).length > 0) return undefined;
  if (checker.getIndexInfosOfType(type).length > 0 || checker.isArrayType(type) || checker.isTupleType(type))
    return undefined;
  const properties = checker.getPropertiesOfType(type);
  if (properties.length === 0) return undefined;
  const fields = properties.map((property) => {
    const declaration = property.valueDeclaration;
    const isReadonly =
      frozen ||
      (declaration !== undefined && (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Readonly) !== 0);
    const name = property.name;
    // Names with a dot would be those of parts; and __proto__ in a literal is the prototype, and no field.
    if (!fieldName.test(name) || name === '__proto__')
      refuse(span, `the field ${name} has a name that is not supported`, 'Use letters, digits, _ and $.');
    if ((property.flags & ts.SymbolFlags.Property) === 0)
      refuse(span, `the member ${name} is not a field`, 'Records hold fields only.');
    if ((property.flags & ts.SymbolFlags.Optional) !== 0)
      refuse(
        span,
        `the field ${name} is optional`,
        'Give it a value always, or a boolean beside it that says whether it has one.',
      );
    if (!isReadonly)
      refuse(
        span,
        `the field ${name} can be written`,
        'Declare it readonly, or take Readonly<...>: records are values.',
      );
    const own = checker.getTypeOfSymbol(property);
    const lowered = lowerLiteral(world, own) ?? lowerType(world, own, span, depth + 1);
    if (lowered.kind === 'array' || lowered.kind === 'void')
      refuse(
        span,
        `the field ${name} is a ${checker.typeToString(checker.getTypeOfSymbol(property))}`,
        'Fields are integers, booleans and records; pass an array as a parameter of its own.',
      );
    return { name, type: lowered };
  });
  return { kind: 'record', name: checker.typeToString(type), fields };
}
