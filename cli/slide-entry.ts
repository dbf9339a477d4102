/**
 * Where the bundle of `casemate slide` begins: with reading the image, before anything else is loaded. The rest of it is
 * casemate.ts without the other subcommands.
 */
import './slide-ahead.ts';
import './casemate.ts';
