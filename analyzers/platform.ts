/**
 * What is to be known of the module `casemate/platform` (library/platform.ts) by who reads programs: its functions are
 * declared in a source of their own, which no user's can be, and are C functions of fixed names
 * (targets/platform/verified).
 */
import type { FunctionIr } from './ir.ts';

export const PLATFORM_MODULE = 'casemate/platform';

/** Its name among a program's sources, where one of them imports it. */
export const PLATFORM_FILE = '/casemate:platform.ts';

export const isOfPlatform = ({ span }: FunctionIr): boolean => span.file === PLATFORM_FILE;

/** What C calls such a function. */
export const platformSymbol = ({ name }: FunctionIr): string => `casemate_${name}`;
